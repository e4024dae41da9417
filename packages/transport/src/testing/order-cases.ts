import { setImmediate } from "node:timers/promises";
import type { Envelope, Handler } from "@throughline/envelope";
import { expect } from "vitest";
import type { Workshop } from "./bench.ts";
import { createGate } from "./gate.ts";
import { idsOf, order } from "./messages.ts";
import type { TransportCase } from "./suite.ts";

const keys = ["order-1", "order-2", "order-3", "order-4", "order-5"];
const steps = [1, 2, 3, 4, 5, 6];

/** Per key, and never across keys. */
export const orderCases: readonly TransportCase[] = [
  {
    name: "messages of one key come in order, one at a time",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const observer = observeOrder();
      const { handled } = await listen(observer.handler);
      await publish(history(1, 2, 3));
      await publish(history(4, 5, 6));
      await eventually(() => expect(handled).toHaveLength(keys.length * steps.length));
      observer.expectOrder();
    },
    exceptions: [
      {
        key: "order",
        instead: {
          name: "messages of one key may overtake each other, and all of them come",
          run: everyMessageComes,
        },
      },
    ],
  },
  {
    name: "different keys are handled side by side",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const allRun = createGate();
      const running = new Set<string>();
      const { handled } = await listen(({ key }) => {
        if (running.add(key).size === keys.length) allRun.open();
        return allRun.opened;
      });
      await publish(history(1, 2));
      await eventually(() => expect(handled).toHaveLength(keys.length * 2));
    },
  },
  {
    name: "a message that is tried again holds back the later ones of its key and no others",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const othersAreDone = createGate();
      let others = 0;
      let failures = 0;
      const { handled } = await listen(async ({ key, sequence }) => {
        if (key === "order-1" && sequence === 1 && failures++ === 0) throw new Error("once");
        if (key === "order-1") await othersAreDone.opened;
        else if (++others === (keys.length - 1) * 2) othersAreDone.open();
      });
      await publish(history(1, 2));
      await eventually(() => expect(handled).toHaveLength(keys.length * 2));
      for (const key of keys) expect(stepsOf(handled, key)).toEqual([1, 2]);
    },
    exceptions: [
      {
        key: "orderAfterFailure",
        instead: {
          name: "a message that is tried again may come after the later ones of its key",
          async run({ bench, eventually }) {
            const { listen, publish } = await bench();
            let failures = 0;
            const { handled } = await listen(async ({ key, sequence }) => {
              if (key === "order-1" && sequence === 1 && failures++ === 0) throw new Error("once");
            });
            await publish(history(1, 2));
            await eventually(() => expect(idsOf(handled)).toHaveLength(keys.length * 2));
          },
        },
      },
    ],
  },
  {
    name: "the order of a key holds where several members share the work",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const observer = observeOrder();
      const members = [await listen(observer.handler), await listen(observer.handler)];
      await publish(history(...steps));
      await eventually(() =>
        expect(members.flatMap(({ handled }) => handled)).toHaveLength(keys.length * steps.length),
      );
      observer.expectOrder();
    },
    exceptions: [
      {
        key: "orderAcrossMembers",
        instead: {
          name: "members that share the work may overtake each other, and every message comes",
          run: everyMessageComes,
        },
      },
    ],
  },
];

async function everyMessageComes({ bench, eventually }: Workshop): Promise<void> {
  const { listen, publish } = await bench();
  const members = [await listen(), await listen()];
  const sent = history(...steps);
  await publish(sent);
  await eventually(() => expect(idsOf(members.flatMap(({ handled }) => handled))).toEqual(idsOf(sent)));
}

/** Sees whether a message begins before its predecessor has ended, on whichever member. */
function observeOrder(): { readonly handler: Handler; readonly expectOrder: () => void } {
  const begun: Envelope[] = [];
  const busy = new Set<string>();
  const overtaken: string[] = [];
  return {
    async handler(envelope) {
      const { key } = envelope;
      if (busy.has(key)) overtaken.push(key);
      busy.add(key);
      begun.push(envelope);
      await setImmediate();
      busy.delete(key);
    },
    expectOrder() {
      for (const key of keys) expect(stepsOf(begun, key)).toEqual(steps);
      expect(overtaken).toEqual([]);
    },
  };
}

/** These steps of every key, interleaved. */
function history(...numbers: number[]): Envelope[] {
  return numbers.flatMap((n) => keys.map((key) => order(key, n)));
}

function stepsOf(envelopes: readonly Envelope[], key: string): number[] {
  return envelopes.filter((envelope) => envelope.key === key).map(({ sequence }) => sequence);
}
