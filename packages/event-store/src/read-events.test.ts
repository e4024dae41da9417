import { checkLog, type Database, type Transaction } from "@throughline/log";
import { expect, test, vi } from "vitest";
import { accounts } from "./account.ts";
import { appendToStream, decide, eventLog, loadState, type RecordedEvent, readEvents } from "./index.ts";
import { openTestStore } from "./test-store.ts";

test("while many write, and some roll back, a reader sees every event once and each stream in order", async () => {
  await using store = await openTestStore();
  const { database } = store;
  const writers = Array.from({ length: 12 }, (_, writer) => write(database, writer));
  let isWriting = true;
  const written = Promise.all(writers).finally(() => {
    isWriting = false;
  });
  const seen: RecordedEvent[] = [];
  for (let wasWriting = true; wasWriting || seen.length < 12 * 20 * 2; ) {
    wasWriting = isWriting;
    seen.push(...(await readEvents(database, { after: seen.at(-1)?.position ?? 0, limit: 37 })));
  }
  await written;

  expect(new Set(seen.map(({ id }) => id)).size).toBe(12 * 20 * 2);
  expect(seen.map(({ position }) => position)).toEqual(seen.map(({ position }) => position).sort((a, b) => a - b));
  for (const streamId of ["shared-0", "shared-1", "shared-2"]) {
    const versions = seen.filter((event) => event.streamId === streamId).map(({ version }) => version);
    expect(versions).toEqual(versions.map((_, index) => index + 1));
  }
});

/** Forty events in twenty transactions, and a rolled back one beside each. */
async function write(database: Database, writer: number): Promise<void> {
  for (let number = 0; number < 20; number += 1) {
    const append = (tx: Transaction) =>
      appendToStream(tx, `shared-${(writer + number) % 3}`, "shared", [noted, noted], { expected: "any" });
    await database.transaction(append);
    const failing = database.transaction(async (tx) => {
      await append(tx);
      throw new Error("changed my mind");
    });
    await expect(failing).rejects.toThrow("changed my mind");
  }
}

const noted = { type: "noted", data: {} };

test("a writer that waits for a stream holds no reader back", async () => {
  await using store = await openTestStore();
  const { database } = store;
  const deposit = (tx: Transaction, id: string) => decide(tx, accounts, id, { type: "deposit", cents: 1 });
  await database.transaction((tx) => deposit(tx, "x"));
  let waiting: Promise<unknown> | undefined;
  await database.transaction(async (tx) => {
    await tx.execute("select from streams where stream_id = 'account-x' for update");
    waiting = appendToStream(database, "account-x", "account", [noted], { expected: "any" });
    await vi.waitUntil(() => isSomebodyWaiting(database), { timeout: 20_000 });
    await database.transaction((other) => deposit(other, "y"));
    expect((await readEvents(database, { after: 0 })).map(({ streamId }) => streamId)).toEqual([
      "account-x",
      "account-y",
    ]);
  });
  await waiting;
});

async function isSomebodyWaiting(database: Database): Promise<boolean> {
  const { rowCount } = await database.execute(
    "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  );
  return rowCount === 1;
}

test("the log of a fresh store passes its check", async () => {
  await using store = await openTestStore();
  await checkLog(store.database, eventLog);
});

test("a state built from zero equals the live one", async () => {
  await using store = await openTestStore();
  const { database } = store;
  for (const [id, cents] of [
    ["x", 1],
    ["y", 2],
    ["x", 3],
    ["y", 4],
    ["x", 5],
  ] as const) {
    await database.transaction((tx) => decide(tx, accounts, id, { type: "deposit", cents, note: `${cents}` }));
  }
  const rebuilt = new Map<string, typeof accounts.initialState>();
  for (const event of await readEvents(database, { after: 0 })) {
    const state = rebuilt.get(event.streamId) ?? accounts.initialState;
    rebuilt.set(event.streamId, accounts.evolve(state, event as Parameters<typeof accounts.evolve>[1]));
  }
  for (const id of ["x", "y"]) {
    const live = await loadState(database, accounts, id);
    expect(JSON.stringify(rebuilt.get(`account-${id}`))).toBe(JSON.stringify(live.state));
  }
});
