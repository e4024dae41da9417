import { expect, test } from "vitest";
import { accounts } from "./account.ts";
import { decide, loadState, readStream } from "./index.ts";
import { openTestStore } from "./test-store.ts";

test("an entity is what happened to it", async () => {
  await using store = await openTestStore();
  const { database } = store;

  await database.transaction((tx) => decide(tx, accounts, "a-1", { type: "deposit", cents: 900, note: "salary" }));
  const { state, version, events } = await database.transaction((tx) =>
    decide(
      tx,
      accounts,
      "a-1",
      { type: "withdraw", cents: 300 },
      { commandId: "c-1", metadata: { causationId: "m-1" } },
    ),
  );

  expect({ state, version }).toEqual({ state: { cents: 600, notes: ["salary"] }, version: 3 });
  expect(events).toMatchObject([{ type: "withdrawn", version: 3, metadata: { causationId: "m-1" } }]);
  expect(await loadState(database, accounts, "a-1")).toEqual({ state, version });
  expect(await readStream(database, "account-a-1", { after: 2 })).toEqual(events);
});
