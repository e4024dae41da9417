import { expect } from "vitest";
import { type Account, type AccountEvent, accounts } from "../account.ts";
import { type Decider, type RecordedEvent, upcast } from "../index.ts";
import type { EventStore } from "./event-store.ts";
import { append, upTo } from "./notes.ts";
import type { StoreCase } from "./suite.ts";

/** The rules of the account as they were when a deposit still had euros. */
const yesterday: Decider<object, { readonly type: "deposited"; readonly data: { readonly euros: number } }, Account> = {
  type: "account",
  initialState: accounts.initialState,
  decide: () => [{ type: "deposited", data: { euros: 7 } }],
  evolve: (state) => state,
};

export const readCases: readonly StoreCase[] = [
  {
    name: "the log of all streams is read page by page, each event once and each stream in order",
    async run(store, id) {
      const streams = [`${id}-left`, `${id}-right`];
      const write = (streamId: string) => append(store, streamId, ["a", "b"], { expected: "any" });
      const written = (await Promise.all(upTo(10).flatMap(() => streams.map(write)))).flat();
      const read = (await readAll(store)).filter(({ streamId }) => streams.includes(streamId));
      expect(read).toEqual(written.toSorted((a, b) => a.position - b.position));
      for (const stream of streams) {
        expect(read.filter(({ streamId }) => streamId === stream).map(({ version }) => version)).toEqual(upTo(20));
      }
    },
  },
  {
    name: "an old event is read in its present shape, and kept as it was written",
    async run(store, id) {
      await store.decide(yesterday, id, {});
      expect(await store.loadState(accounts, id)).toMatchObject({ state: { cents: 700 } });
      const [written] = await store.readStream(`account-${id}`);
      expect(written).toMatchObject({ schemaVersion: 1, data: { euros: 7 } });
      expect((await readAll(store)).filter(({ streamId }) => streamId === `account-${id}`)).toEqual([written]);
    },
  },
  {
    name: "a command of before a change, repeated after it, returns its first result in its present shape",
    async run(store, id) {
      await store.decide(yesterday, id, {}, { commandId: "c-1" });
      const again = await store.decide(accounts, id, { type: "deposit", cents: 1 }, { commandId: "c-1" });
      expect(again.events).toMatchObject([{ type: "deposited", version: 1, schemaVersion: 2, data: { cents: 700 } }]);
      expect(again.state).toEqual({ cents: 700, notes: [] });
    },
  },
  {
    name: "what is written has the version that the steps lead to, and no step is made on it",
    async run(store, id) {
      await store.decide(accounts, id, { type: "deposit", cents: 5, note: "hello" });
      const written = await store.readStream(`account-${id}`);
      const versions = written.map(({ type, schemaVersion }) => ({ type, schemaVersion }));
      expect(versions).toEqual([
        { type: "deposited", schemaVersion: 2 },
        { type: "noted", schemaVersion: 1 },
      ]);
      expect(written.map((event) => upcast(accounts, event))).toEqual(written);
    },
  },
  {
    name: "an event of a newer program is refused instead of misread",
    async run(store, id) {
      const data = { cents: 1 };
      const tomorrow: AccountEvent & { schemaVersion: number } = { type: "deposited", schemaVersion: 3, data };
      await store.appendToStream(`account-${id}`, "account", [tomorrow], { expected: "no-stream" });
      const refusal = "account: deposited is of version 3, and 2 is the newest known here";
      await expect(store.loadState(accounts, id)).rejects.toThrow(refusal);
      await expect(store.decide(accounts, id, { type: "deposit", cents: 1 })).rejects.toThrow(refusal);
    },
  },
];

async function readAll(store: EventStore): Promise<RecordedEvent[]> {
  const read: RecordedEvent[] = [];
  for (;;) {
    const page = await store.readEvents({ after: read.at(-1)?.position ?? 0, limit: 7 });
    if (page.length === 0) return read;
    read.push(...page);
  }
}
