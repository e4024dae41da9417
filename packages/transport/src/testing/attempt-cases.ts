import { expect } from "vitest";
import { createGate, forever } from "./gate.ts";
import { idsOf, order, orders } from "./messages.ts";
import type { TransportCase } from "./suite.ts";

/** How often a message is tried. */
export const attemptCases: readonly TransportCase[] = [
  {
    name: "the attempts at a message are counted, whichever members make them",
    async run({ bench, eventually, soon }) {
      const { listen, publish, probe } = await bench();
      const fail = () => Promise.reject(new Error("not here"));
      const first = await listen(fail, { attempts: 2, retryDelayMs: 500 });
      await publish([order("order-1")]);
      await eventually(() => expect(first.failures).toHaveLength(1));
      await first.subscriber[Symbol.asyncDispose]();
      const second = await listen(fail, { attempts: 2 });
      expect(await soon(probe.deadLetters("billing", "order.created", 1))).toHaveLength(1);
      expect(first.begun.length + second.begun.length).toBeLessThanOrEqual(2);
    },
    exceptions: [{ key: "attempts" }],
  },
  {
    name: "a message that takes down whoever handles it is set aside after its attempts",
    async run({ bench, eventually, soon }) {
      const { listen, publish, probe, elsewhere } = await bench();
      await (await listen()).subscriber[Symbol.asyncDispose]();
      await publish([order("order-1")]);
      for (const _attempt of [1, 2]) {
        const dying = await elsewhere();
        const { begun } = await dying.listen(forever, { attempts: 2 });
        await eventually(() => expect(begun).toHaveLength(1));
        dying.line.cut();
      }
      const { begun, handled } = await listen(undefined, { attempts: 2 });
      expect(await soon(probe.deadLetters("billing", "order.created", 1))).toHaveLength(1);
      expect(begun).toEqual([]);
      const next = order("order-1", 2);
      await publish([next]);
      await eventually(() => expect(handled).toEqual([next]));
    },
    exceptions: [{ key: "line" }, { key: "attempts" }],
  },
  {
    name: "what a leaving subscriber had not begun has lost no attempt",
    async run({ bench, eventually }) {
      const { listen, publish, transport } = await bench();
      const leave = createGate();
      const sent = orders(8);
      const ended: string[] = [];
      const leaver = await listen(() => leave.opened, { concurrency: 1, attempts: 1 });
      await publish(sent);
      await eventually(() => expect(leaver.begun.length).toBeGreaterThan(0));
      const left = leaver.subscriber[Symbol.asyncDispose]();
      leave.open();
      await left;
      ended.push(...idsOf(leaver.handled));
      const stayer = await listen(undefined, { attempts: 1 });
      await eventually(() => expect(new Set([...ended, ...idsOf(stayer.handled)])).toEqual(new Set(idsOf(sent))));
      expect(await transport.backlog("billing", ["order.created"])).toMatchObject({ deadLetters: 0 });
    },
  },
  {
    name: "messages that wait for their next attempt hold back no other key",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const poison = ["order-1", "order-2", "order-3"];
      const { handled, failures } = await listen(
        async ({ key }) => {
          if (poison.includes(key)) throw new Error("not yet");
        },
        { concurrency: 2, retryDelayMs: 60_000 },
      );
      const sent = orders(12);
      await publish(sent);
      await eventually(() => expect(idsOf(handled)).toEqual(idsOf(sent.slice(3))));
      await eventually(() => expect(failures).toHaveLength(3));
    },
    exceptions: [{ key: "retryRoom" }],
  },
];
