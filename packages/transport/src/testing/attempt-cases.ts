import { RejectedError } from "@throughline/envelope";
import { expect } from "vitest";
import { createGate, forever, idsOf, order, orders, type Workshop } from "./bench.ts";
import type { TransportCase } from "./suite.ts";

/** How often a message is tried, and what happens before it is set aside. */
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
  {
    name: "a message is set aside only when that is noted, and until then what is behind it waits",
    run: (workshop) => noteFirst(workshop, { waitsBehind: true }),
    exceptions: [
      {
        key: "orderAfterFailure",
        instead: {
          name: "a message is set aside only when that is noted",
          run: (workshop) => noteFirst(workshop, { waitsBehind: false }),
        },
      },
    ],
  },
  {
    name: "a message whose note cannot be kept comes again, also after its last attempt, and keeps its reason",
    run: (workshop) => noteAgain(workshop, new Error("out of stock"), 1),
    exceptions: [
      {
        key: "lastNote",
        instead: {
          name: "a message whose note cannot be kept comes again, while it has attempts left",
          run: (workshop) => noteAgain(workshop, new RejectedError("out of stock"), 3),
        },
      },
    ],
  },
];

/** The note is kept the third time; until then nothing is set aside. */
async function noteAgain({ bench, eventually }: Workshop, error: Error, attempts: number): Promise<void> {
  const { listen, publish, probe } = await bench();
  let notes = 0;
  const { failures } = await listen(() => Promise.reject(error), {
    attempts,
    async beforeDead() {
      notes += 1;
      if (notes < 3) throw new Error("no database");
    },
  });
  await publish([order("order-1")]);
  await eventually(() => expect(failures.map(({ deadLettered }) => deadLettered)).toEqual([false, false, true]));
  expect(notes).toBe(3);
  const letters = await probe.deadLetters("billing", "order.created", 1);
  expect(letters).toMatchObject([{ reason: expect.stringContaining(error.message) }]);
}

async function noteFirst({ bench, eventually }: Workshop, { waitsBehind }: { readonly waitsBehind: boolean }) {
  const { listen, publish, transport } = await bench();
  const noted = createGate();
  const notes: string[] = [];
  const { handled, failures } = await listen(
    async ({ sequence }) => {
      if (sequence === 1) throw new RejectedError("no such customer");
    },
    {
      async beforeDead({ id }, { message }) {
        notes.push(`${id} ${message}`);
        await noted.opened;
      },
    },
  );
  const [rejected, behind, other] = [order("order-1"), order("order-1", 2), order("order-2", 2)];
  await publish([rejected, behind, other]);
  await eventually(() => expect(notes).toEqual([`${rejected.id} no such customer`]));
  await eventually(() => expect(handled).toContainEqual(other));
  if (waitsBehind) expect(handled).not.toContainEqual(behind);
  expect(failures).toEqual([]);
  expect((await transport.backlog("billing", ["order.created"])).deadLetters).toBe(0);
  noted.open();
  await eventually(() => expect(idsOf(handled)).toEqual(idsOf([behind, other])));
  await eventually(() => expect(failures).toMatchObject([{ deadLettered: true }]));
  expect(notes).toHaveLength(1);
}
