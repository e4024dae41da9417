import fc from "fast-check";
import { expect, test } from "vitest";
import { type AccountCommand, accounts } from "./account.ts";
import type { Expectation } from "./index.ts";
import { openTestStore } from "./test-store.ts";
import type { EventStore } from "./testing/event-store.ts";
import { createMemoryStore } from "./testing/memory-store.ts";
import { append } from "./testing/notes.ts";
import { postgresStore } from "./testing/postgres-store.ts";
import { describeEventStore } from "./testing/suite.ts";

async function openPostgres() {
  const opened = await openTestStore();
  return { ...opened, store: postgresStore(opened.database) };
}

describeEventStore("Postgres", openPostgres);
describeEventStore("memory", async () => ({
  store: createMemoryStore(),
  [Symbol.asyncDispose]: async () => undefined,
}));

type Step = (store: EventStore, id: string, snapshotEvery: number) => Promise<unknown>;

const commandId = fc.option(fc.constantFrom("c-1", "c-2", "c-3"), { nil: undefined });
const texts = fc.array(fc.string({ unit: "grapheme", maxLength: 5 }), { maxLength: 3 });
const expected = fc.constantFrom<Expectation>("any", "no-stream", "stream-exists", 0, 1, 2, 3, 5);
const command = fc.oneof<fc.Arbitrary<AccountCommand>[]>(
  fc.record({ type: fc.constant("deposit"), cents: fc.nat(500) }),
  fc.record({ type: fc.constant("deposit"), cents: fc.nat(500), note: fc.string({ unit: "grapheme" }) }),
  fc.record({ type: fc.constant("withdraw"), cents: fc.nat(500) }),
);
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ texts, expected, commandId }).map(({ texts, ...options }): Step => {
      return (store, id) => append(store, id, texts, options);
    }),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(command, commandId).map(([told, commandId]): Step => {
      return (store, id, snapshotEvery) => store.decide({ ...accounts, snapshotEvery }, id, told, { commandId });
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(1, 2, "stream-exists" as const).map((expected): Step => {
      return (store, id) => store.closeStream(id, { expected });
    }),
  },
);

test("Postgres, whatever it keeps of states, and memory, which keeps none, answer alike", async () => {
  await using opened = await openPostgres();
  let runs = 0;
  const property = fc.asyncProperty(
    fc.array(step, { maxLength: 25 }),
    fc.integer({ min: 1, max: 5 }),
    async (steps, every) => {
      const id = `e-${runs++}`;
      const stores = [opened.store, createMemoryStore()];
      for (const step of steps) {
        const [one, other] = await Promise.all(
          stores.map((store) => step(store, id, every).then(comparable, comparable)),
        );
        expect(one).toEqual(other);
      }
      const [one, other] = await Promise.all(
        stores.map(async (store) => ({
          ...(await store.loadState({ ...accounts, snapshotEvery: every }, id)),
          events: (await Promise.all([id, `account-${id}`].map((stream) => store.readStream(stream)))).flat(),
        })),
      );
      expect(comparable(one)).toEqual(comparable(other));
    },
  );
  await fc.assert(property, { numRuns: 40 });
});

/** Without what two stores cannot have in common: when, where in the log, and the random ids. */
function comparable(outcome: unknown): unknown {
  if (outcome instanceof Error) return `${outcome.name}: ${outcome.message}`;
  const replacer = (key: string, value: unknown) => (["id", "at", "position"].includes(key) ? undefined : value);
  return outcome === undefined ? undefined : JSON.parse(JSON.stringify(outcome, replacer));
}
