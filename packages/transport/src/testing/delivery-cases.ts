import { setImmediate } from "node:timers/promises";
import { expect } from "vitest";
import { createGate } from "./gate.ts";
import { idsOf, order, orders } from "./messages.ts";
import type { TransportCase } from "./suite.ts";

/** Who gets a message, and how often. */
export const deliveryCases: readonly TransportCase[] = [
  {
    name: "a message published right after the very first subscription arrives",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const { handled } = await listen();
      const sent = order("order-1");
      await publish([sent]);
      await eventually(() => expect(handled).toEqual([sent]));
    },
  },
  {
    name: "every group gets every message",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const groups = await Promise.all([
        listen(undefined, { group: "billing" }),
        listen(undefined, { group: "inventory" }),
        listen(undefined, { group: "billing.work" }),
      ]);
      const sent = orders(5);
      await publish(sent);
      for (const { handled } of groups) await eventually(() => expect(idsOf(handled)).toEqual(idsOf(sent)));
    },
  },
  {
    name: "a group gets the types it asked for and no other",
    async run({ bench, eventually }) {
      const { listen, publish, drained } = await bench();
      const some = await listen(undefined, { group: "billing" });
      const all = await listen(undefined, { group: "inventory", types: ["order.created", "order.cancelled"] });
      const cancelled = order("order-1", 1, "order.cancelled");
      const created = order("order-1", 2, "order.created");
      await publish([cancelled, created]);
      await eventually(() => expect(idsOf(all.handled)).toEqual(idsOf([cancelled, created])));
      await eventually(() => expect(some.handled).toContainEqual(created));
      await drained();
      expect(some.handled).toEqual([created]);
    },
  },
  {
    name: "one subscriber holds several subscriptions",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const { subscriber, handled } = await listen(undefined, { group: "billing" });
      const cancelled: string[] = [];
      await subscriber.subscribe({
        group: "inventory",
        types: ["order.cancelled"],
        handler: async ({ id }) => void cancelled.push(id),
      });
      const sent = [order("order-1"), order("order-1", 2, "order.cancelled")];
      await publish(sent);
      await eventually(() => expect([...idsOf(handled), ...cancelled]).toEqual(sent.map(({ id }) => id)));
    },
  },
  {
    name: "the members of a group share the work",
    async run({ bench, eventually }) {
      const { listen, publish, drained } = await bench();
      const bothWork = createGate();
      const working = new Set<string>();
      const workAs = (member: string) => () => {
        if (working.add(member).size === 2) bothWork.open();
        return bothWork.opened;
      };
      const one = await listen(workAs("one"), { concurrency: 3 });
      const other = await listen(workAs("other"), { concurrency: 3 });
      const sent = orders(60);
      await publish(sent);
      await eventually(() => expect(idsOf([...one.handled, ...other.handled])).toEqual(idsOf(sent)));
      await drained();
      expect(one.handled.length + other.handled.length).toBe(sent.length);
    },
  },
  {
    name: "as many handlers run at the same time as the cap allows, and no more",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const full = createGate();
      let running = 0;
      let most = 0;
      const { handled } = await listen(
        async () => {
          running += 1;
          most = Math.max(most, running);
          if (running === 3) full.open();
          await full.opened;
          await setImmediate();
          running -= 1;
        },
        { concurrency: 3 },
      );
      await publish(orders(30));
      await eventually(() => expect(handled).toHaveLength(30));
      expect(most).toBe(3);
    },
  },
  {
    name: "several hundred messages, published in calls side by side, arrive completely",
    async run({ bench, eventually }) {
      const { listen, publish, drained } = await bench();
      const { handled } = await listen(undefined, { concurrency: 50 });
      const sent = orders(400);
      await Promise.all([0, 100, 200, 300].map((from) => publish(sent.slice(from, from + 100))));
      await eventually(() => expect(idsOf(handled)).toEqual(idsOf(sent)));
      await drained();
      expect(handled).toHaveLength(sent.length);
    },
  },
  {
    name: "publishing nothing resolves",
    async run({ bench }) {
      const { publish } = await bench();
      await publish([]);
    },
  },
  {
    name: "two namespaces never meet",
    async run({ bench, eventually }) {
      const here = await bench();
      const there = await bench();
      const heard = await here.listen();
      const overheard = await there.listen();
      const [mine, yours] = [order("order-1"), order("order-1")];
      await Promise.all([here.publish([mine]), there.publish([yours])]);
      await eventually(() => expect(heard.handled).toContainEqual(mine));
      await eventually(() => expect(overheard.handled).toContainEqual(yours));
      await Promise.all([here.drained(), there.drained()]);
      expect([heard.handled, overheard.handled]).toEqual([[mine], [yours]]);
    },
  },
];
