import { setImmediate } from "node:timers/promises";
import { RejectedError } from "@throughline/envelope";
import { expect } from "vitest";
import { createGate } from "./gate.ts";
import { idsOf, orders } from "./messages.ts";
import type { TransportCase } from "./suite.ts";

/** Coming, going, and what waits meanwhile. */
export const lifetimeCases: readonly TransportCase[] = [
  {
    name: "two subscribers and a publisher may declare the same at the same time",
    async run({ bench, eventually }) {
      const { listen, publish, drained } = await bench();
      const [one, other] = await Promise.all([listen(), listen(), publish([])]);
      const sent = orders(10);
      await publish(sent);
      await eventually(() => expect(idsOf([...one.handled, ...other.handled])).toEqual(idsOf(sent)));
      await drained();
      expect(one.handled.length + other.handled.length).toBe(sent.length);
    },
  },
  {
    name: "what is published while a group is away waits for it",
    async run({ bench, eventually }) {
      const { listen, publish, transport } = await bench();
      const { subscriber } = await listen();
      await subscriber[Symbol.asyncDispose]();
      const sent = orders(5);
      await publish(sent);
      await eventually(async () =>
        expect(await transport.backlog("billing", ["order.created"])).toEqual({ waiting: 5, deadLetters: 0 }),
      );
      const back = await listen();
      await eventually(() => expect(idsOf(back.handled)).toEqual(idsOf(sent)));
    },
  },
  {
    name: "what was published outlives its publisher",
    async run({ bench, eventually }) {
      const { listen, transport } = await bench();
      const { handled } = await listen();
      const sent = orders(20);
      const publisher = await transport.connectPublisher();
      await publisher.publish(sent);
      await publisher[Symbol.asyncDispose]();
      await eventually(() => expect(idsOf(handled)).toEqual(idsOf(sent)));
    },
  },
  {
    name: "a publisher and a subscriber that are closed say so, and can be closed again",
    async run({ bench, soon }) {
      const { listen, transport } = await bench();
      const { subscriber } = await listen();
      const publisher = await transport.connectPublisher();
      for (const each of [publisher, subscriber, publisher, subscriber]) await each[Symbol.asyncDispose]();
      const again = () => subscriber.subscribe({ group: "billing", types: ["order.created"], handler: async () => {} });
      await expect(soon(publisher.publish(orders(1)))).rejects.toThrow(/closed/);
      await expect(soon(again())).rejects.toThrow(/closed/);
    },
    exceptions: [{ key: "closedForGood" }],
  },
  {
    name: "the backlog counts what waits and what was set aside",
    async run({ bench, eventually }) {
      const { listen, publish, transport } = await bench();
      const backlog = () => transport.backlog("billing", ["order.created"]);
      const handle = createGate();
      await listen(async ({ key }) => {
        await handle.opened;
        if (key === "order-2") throw new RejectedError("no");
      });
      await publish(orders(4));
      await eventually(async () => expect(await backlog()).toEqual({ waiting: 4, deadLetters: 0 }));
      handle.open();
      await eventually(async () => expect(await backlog()).toEqual({ waiting: 0, deadLetters: 1 }));
    },
  },
  {
    name: "a subscriber that leaves ends what it has begun, and another member gets the rest",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const leave = createGate();
      const leaver = await listen(
        async () => {
          await leave.opened;
          await setImmediate();
        },
        { concurrency: 3 },
      );
      const sent = orders(30);
      await publish(sent);
      await eventually(() => expect(leaver.begun.length).toBeGreaterThan(0));
      const left = leaver.subscriber[Symbol.asyncDispose]();
      leave.open();
      await left;
      const ended = idsOf(leaver.handled);
      expect(ended).toEqual(idsOf(leaver.begun));
      expect(ended.length).toBeLessThan(sent.length);

      const stayer = await listen();
      await eventually(() => expect(new Set([...ended, ...idsOf(stayer.handled)])).toEqual(new Set(idsOf(sent))));
      expect(idsOf(leaver.begun)).toEqual(ended);
    },
  },
];
