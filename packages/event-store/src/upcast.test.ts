import { afterAll, beforeAll, expect, test } from "vitest";
import { type Account, type AccountEvent, accounts } from "./account.ts";
import { appendToStream, type Decider, decide, loadState, readEvents, readStream, upcast } from "./index.ts";
import { openTestStore } from "./test-store.ts";

let store: Awaited<ReturnType<typeof openTestStore>>;
beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store[Symbol.asyncDispose]());

/** The rules of the account as they were when a deposit still had euros. */
const yesterday: Decider<object, { readonly type: "deposited"; readonly data: { readonly euros: number } }, Account> = {
  type: "account",
  initialState: accounts.initialState,
  decide: () => [{ type: "deposited", data: { euros: 7 } }],
  evolve: (state) => state,
};

const tellYesterday = (id: string) =>
  store.database.transaction((tx) => decide(tx, yesterday, id, {}, { commandId: "c-1" }));

test("an old event is read in its present shape, and kept as it was written", async () => {
  await tellYesterday("old");
  expect(await loadState(store.database, accounts, "old")).toMatchObject({ state: { cents: 700 } });
  const [written] = await readStream(store.database, "account-old");
  expect(written).toMatchObject({ schemaVersion: 1, data: { euros: 7 } });
});

test("a command of before the change, repeated after it, returns its first result in its present shape", async () => {
  await tellYesterday("repeated");
  const again = await store.database.transaction((tx) =>
    decide(tx, accounts, "repeated", { type: "deposit", cents: 1 }, { commandId: "c-1" }),
  );
  expect(again.events).toMatchObject([{ type: "deposited", version: 1, schemaVersion: 2, data: { cents: 700 } }]);
  expect(again.state).toEqual({ cents: 700, notes: [] });
});

test("what is written has the version that the steps lead to, and no step is made on it", async () => {
  await store.database.transaction((tx) => decide(tx, accounts, "new", { type: "deposit", cents: 5, note: "hello" }));
  const written = await readStream(store.database, "account-new");
  expect(written.map(({ type, schemaVersion }) => [type, schemaVersion])).toEqual([
    ["deposited", 2],
    ["noted", 1],
  ]);
  expect(written.map((event) => upcast(accounts, event))).toEqual(written);
});

test("an event of a newer program is refused instead of misread", async () => {
  const tomorrow: AccountEvent & { schemaVersion: number } = {
    type: "deposited",
    schemaVersion: 3,
    data: { cents: 1 },
  };
  await appendToStream(store.database, "account-newer", "account", [tomorrow], { expected: "no-stream" });
  const refusal = "account: deposited is of version 3, and 2 is the newest known here";
  await expect(loadState(store.database, accounts, "newer")).rejects.toThrow(refusal);
  const deciding = store.database.transaction((tx) => decide(tx, accounts, "newer", { type: "deposit", cents: 1 }));
  await expect(deciding).rejects.toThrow(refusal);
});

test("the log of all streams gives events as they were written, and whoever reads it upcasts them", async () => {
  await tellYesterday("logged");
  const events = await readEvents(store.database, { after: 0 });
  const written = events.filter(({ streamId }) => streamId === "account-logged");
  expect(written).toMatchObject([{ schemaVersion: 1, data: { euros: 7 } }]);
  expect(written.map((event) => upcast(accounts, event))).toMatchObject([{ schemaVersion: 2, data: { cents: 700 } }]);
});
