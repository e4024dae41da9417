import type { Transaction } from "@throughline/log";
import { expect, test } from "vitest";
import { accounts } from "./account.ts";
import {
  appendToStream,
  closeStream,
  decide,
  decideAll,
  loadState,
  readEvents,
  readHistory,
  readStream,
  retryOnConflict,
} from "./index.ts";
import { openTestStore } from "./test-store.ts";

test("an entity is what happened to it", async () => {
  await using store = await openTestStore();
  const { database } = store;
  const withdraw = (tx: Transaction) =>
    decide(tx, accounts, "a-1", { type: "withdraw", cents: 300 }, { commandId: "c-1" });

  await database.transaction((tx) => decide(tx, accounts, "a-1", { type: "deposit", cents: 900, note: "salary" }));
  const { state, version, events } = await retryOnConflict(() => database.transaction(withdraw));

  expect({ state, version }).toEqual({ state: { cents: 600, notes: ["salary"] }, version: 3 });
  expect(events).toMatchObject([{ type: "withdrawn", version: 3 }]);
  expect(await database.transaction(withdraw)).toEqual({ state, version, events });
  expect(await loadState(database, accounts, "a-1")).toEqual({ state, version });
  expect(await readHistory(database, accounts, "a-1")).toMatchObject([{ version: 1 }, { version: 2 }, { version: 3 }]);
  expect(await readStream(database, "account-a-1", { after: 2 })).toEqual(events);
});

test("what belongs together happens together", async () => {
  await using store = await openTestStore();
  const { database } = store;
  const transfer = [
    { id: "a-1", command: { type: "withdraw", cents: 300 } },
    { id: "a-2", command: { type: "deposit", cents: 300 } },
  ] as const;
  const move = (tx: Transaction) => decideAll(tx, accounts, transfer);

  await database.transaction((tx) => decide(tx, accounts, "a-1", { type: "deposit", cents: 500 }));

  expect(await database.transaction(move)).toMatchObject([{ state: { cents: 200 } }, { state: { cents: 300 } }]);
  await expect(database.transaction(move)).rejects.toThrow("There are 200 cents, not 300");
});

test("a history can be kept without a decider, and ended", async () => {
  await using store = await openTestStore();
  const { database } = store;
  const written = [{ type: "written", data: { text: "hello" } }];

  const events = await appendToStream(database, "note-1", "note", written, { expected: "no-stream" });
  await closeStream(database, "note-1", { expected: 1 });

  expect(await readEvents(database, { after: 0, limit: 100 })).toEqual(events);
  await expect(appendToStream(database, "note-1", "note", written, { expected: 1 })).rejects.toThrow("closed");
});
