import { RejectedError, serializeEnvelope } from "@throughline/envelope";
import { expect } from "vitest";
import { expectDeadLetters } from "./found-letters.ts";
import { idsOf, order, orders } from "./messages.ts";
import type { TransportCase } from "./suite.ts";

/** What becomes of a message that is not handled. */
export const failureCases: readonly TransportCase[] = [
  {
    name: "a handler that throws gets the same message again",
    async run({ bench, eventually }) {
      const { listen, publish, drained } = await bench();
      let calls = 0;
      const { begun, handled, failures } = await listen(async () => {
        calls += 1;
        if (calls === 1) throw new Error("not yet");
      });
      const sent = order("order-1");
      await publish([sent]);
      await eventually(() => expect(handled).toEqual([sent]));
      await drained();
      expect(begun).toEqual([sent, sent]);
      expect(failures).toMatchObject([{ error: { message: "not yet" }, envelope: sent, deadLettered: false }]);
    },
  },
  {
    name: "the next attempt comes after the pause",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const attemptsAt: number[] = [];
      const fail = async () => {
        attemptsAt.push(performance.now());
        if (attemptsAt.length < 3) throw new Error("not yet");
      };
      await listen(fail, { retryDelayMs: 250 });
      await publish([order("order-1")]);
      await eventually(() => expect(attemptsAt).toHaveLength(3));
      const [first = 0, second = 0, third = 0] = attemptsAt;
      expect(second - first).toBeGreaterThanOrEqual(249);
      expect(third - second).toBeGreaterThanOrEqual(499);
    },
  },
  {
    name: "a message that fails every attempt is set aside, and its neighbours are handled",
    async run({ bench, eventually }) {
      const { listen, publish, probe, drained } = await bench();
      const poison = order("order-1");
      const { begun, handled, failures } = await listen(
        async ({ id }) => {
          if (id === poison.id) throw new Error("out of stock");
        },
        { attempts: 3 },
      );
      const neighbours = [order("order-1", 2), ...orders(5).slice(1)];
      await publish([poison, ...neighbours]);
      await eventually(() => expect(idsOf(handled)).toEqual(idsOf(neighbours)));
      await eventually(() => expect(failures.map(({ deadLettered }) => deadLettered)).toEqual([false, false, true]));
      await expectDeadLetters(probe, [Buffer.from(serializeEnvelope(poison))], /out of stock/);
      await drained();
      expect(begun.filter(({ id }) => id === poison.id)).toHaveLength(3);
    },
  },
  {
    name: "a failure in one group is nothing to another",
    async run({ bench, eventually }) {
      const { listen, publish, drained } = await bench();
      const alwaysFails = () => Promise.reject(new Error("never"));
      const failing = await listen(alwaysFails, { group: "billing", attempts: 2 });
      const healthy = await listen(undefined, { group: "inventory" });
      const sent = orders(3);
      await publish(sent);
      await eventually(() => expect(failing.failures.filter(({ deadLettered }) => deadLettered)).toHaveLength(3));
      await eventually(() => expect(idsOf(healthy.handled)).toEqual(idsOf(sent)));
      await drained("inventory");
      expect(healthy.handled).toHaveLength(3);
    },
  },
  {
    name: "a rejected message is set aside at once",
    async run({ bench, eventually }) {
      const { listen, publish, probe, drained } = await bench();
      const { begun, failures } = await listen(async () => {
        throw new RejectedError("no such customer");
      });
      const sent = order("order-1");
      await publish([sent]);
      await eventually(() => expect(failures).toMatchObject([{ envelope: sent, deadLettered: true }]));
      await expectDeadLetters(probe, [Buffer.from(serializeEnvelope(sent))], /no such customer/);
      await drained();
      expect(begun).toEqual([sent]);
    },
  },
  {
    name: "an error of any length and any characters keeps no message from being set aside",
    async run({ bench }) {
      const { listen, publish, probe } = await bench();
      await listen(() => Promise.reject(new RejectedError(`\u0000\ud800🛒\n${"no ".repeat(100_000)}`)));
      const sent = order("order-1");
      await publish([sent]);
      await expectDeadLetters(probe, [Buffer.from(serializeEnvelope(sent))], /no no/);
    },
  },
  {
    name: "a handler over its time limit has failed",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const { promise: never, resolve } = Promise.withResolvers<void>();
      let calls = 0;
      const stuckOnce = () => (++calls === 1 ? never : Promise.resolve());
      const { handled, failures } = await listen(stuckOnce, { timeoutMs: 150 });
      const sent = order("order-1");
      await publish([sent]);
      await eventually(() => expect(handled).toEqual([sent]));
      expect(failures).toMatchObject([{ envelope: sent, deadLettered: false }]);
      expect(failures[0]?.error.message).toContain("150 ms");
      resolve();
    },
  },
];
