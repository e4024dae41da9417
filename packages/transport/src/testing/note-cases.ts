import { RejectedError } from "@throughline/envelope";
import { expect } from "vitest";
import type { Workshop } from "./bench.ts";
import { createGate } from "./gate.ts";
import { idsOf, order } from "./messages.ts";
import type { TransportCase } from "./suite.ts";

/** What is awaited before a message is set aside. */
export const noteCases: readonly TransportCase[] = [
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
