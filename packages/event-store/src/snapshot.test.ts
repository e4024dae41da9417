import { query, type Transaction } from "@throughline/log";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type AccountCommand, AccountError, accounts } from "./account.ts";
import { decide, loadState, readStream } from "./index.ts";
import { openTestStore } from "./test-store.ts";

let store: Awaited<ReturnType<typeof openTestStore>>;
beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store[Symbol.asyncDispose]());

let ids = 0;
const newId = () => `s-${ids++}`;
const tell = (decider: typeof accounts, id: string, command: AccountCommand) =>
  store.database.transaction((tx) => decide(tx, decider, id, command));

const commands = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant("deposit" as const), cents: fc.nat(500) }),
    fc.record({ type: fc.constant("deposit" as const), cents: fc.nat(500), note: fc.string({ unit: "grapheme" }) }),
    fc.record({ type: fc.constant("withdraw" as const), cents: fc.nat(500) }),
  ),
  { maxLength: 25 },
);

test("a kept state equals the replay, whatever happened and however often it is kept", async () => {
  const property = fc.asyncProperty(commands, fc.integer({ min: 1, max: 7 }), async (history, snapshotEvery) => {
    const id = newId();
    const kept = { ...accounts, snapshotEvery };
    let live = { state: accounts.initialState, version: 0 };
    for (const command of history) {
      const { state, version } = await tell(kept, id, command).catch((error: unknown) => {
        if (error instanceof AccountError) return live;
        throw error;
      });
      live = { state, version };
    }
    expect(await loadState(store.database, kept, id)).toEqual(live);
    expect(await loadState(store.database, accounts, id)).toEqual(live);
    const events = await readStream(store.database, `account-${id}`);
    expect(events.map(({ version }) => version)).toEqual(events.map((_, index) => index + 1));
  });
  await fc.assert(property, { numRuns: 40 });
});

test("without being asked for, no state is kept", async () => {
  const id = newId();
  for (let number = 0; number < 25; number += 1) await tell(accounts, id, { type: "deposit", cents: 1 });
  const { rows } = await store.database.execute(`select snapshot from streams where stream_id = 'account-${id}'`);
  expect(rows).toEqual([{ snapshot: null }]);
});

test("with a kept state, only the events after it are folded", async () => {
  const id = newId();
  let folded = 0;
  const counted = {
    ...accounts,
    snapshotEvery: 10,
    evolve: (...[state, event]: Parameters<typeof accounts.evolve>) => {
      folded += 1;
      return accounts.evolve(state, event);
    },
  };
  for (let number = 0; number < 25; number += 1) await tell(counted, id, { type: "deposit", cents: 1 });
  folded = 0;
  expect(await loadState(store.database, counted, id)).toMatchObject({ state: { cents: 25 }, version: 25 });
  expect(folded).toBe(5);
});

test("the state that is kept of commands side by side is that after the last of them", async () => {
  const id = newId();
  const kept = { ...accounts, snapshotEvery: 3 };
  await store.database.transaction((tx) =>
    Promise.all([1, 2, 4, 8].map((cents) => decide(tx, kept, id, { type: "deposit", cents }))),
  );
  const { rows } = await store.database.execute(
    `select snapshot, snapshot_version from streams where stream_id = 'account-${id}'`,
  );
  expect(rows).toEqual([{ snapshot: { cents: 15, notes: [] }, snapshot_version: 4 }]);
  expect(await loadState(store.database, kept, id)).toMatchObject({ state: { cents: 15 }, version: 4 });
});

test("a command that comes again while its first run keeps a state gets the first result", async () => {
  const id = newId();
  const kept = { ...accounts, snapshotEvery: 2 };
  await tell(kept, id, { type: "deposit", cents: 10 });
  const withdraw = (tx: Transaction) =>
    decide(tx, kept, id, { type: "withdraw", cents: 10 }, { commandId: "withdraw" });
  let again: ReturnType<typeof withdraw> | undefined;
  const first = await store.database.transaction(async (tx) => {
    const result = await withdraw(tx);
    again = store.database.transaction(withdraw);
    await vi.waitUntil(isAnybodyWaiting, { timeout: 10_000 });
    return result;
  });
  expect(await again).toEqual(first);
});

test("a stream that began while another one was waited for, and is written to, is loaded as it is", async () => {
  const [waitedFor, begun] = [newId(), newId()];
  const one = { type: "deposit", cents: 1 } as const;
  await tell(accounts, waitedFor, one);
  const [held, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let both: Promise<unknown> | undefined;
  let writing: Promise<void> | undefined;
  await store.database.transaction(async (tx) => {
    await decide(tx, accounts, waitedFor, one);
    both = store.database.transaction((tx) =>
      Promise.all([waitedFor, begun].map((id) => decide(tx, accounts, id, one))),
    );
    await vi.waitUntil(isAnybodyWaiting, { timeout: 10_000 });
    await tell(accounts, begun, one);
    writing = store.database.transaction(async (tx) => {
      await decide(tx, accounts, begun, one);
      held.resolve();
      await released.promise;
    });
    await held.promise;
  });
  await vi.waitUntil(isAnybodyWaiting, { timeout: 10_000 });
  released.resolve();
  await Promise.all([both, writing]);
  for (const id of [waitedFor, begun])
    expect(await loadState(store.database, accounts, id)).toMatchObject({ state: { cents: 3 }, version: 3 });
});

test("a state kept under another version of the rules is not used", async () => {
  const id = newId();
  const before = { ...accounts, snapshotEvery: 1 };
  for (const cents of [1, 2]) await tell(before, id, { type: "deposit", cents });
  const after: typeof accounts = {
    ...before,
    stateVersion: 2,
    evolve: (state, event) =>
      accounts.evolve(state, event.type === "deposited" ? { ...event, data: { cents: 100 } } : event),
  };
  expect(await loadState(store.database, after, id)).toMatchObject({ state: { cents: 200 } });
  await tell(after, id, { type: "deposit", cents: 3 });
  expect(await loadState(store.database, before, id)).toMatchObject({ state: { cents: 6 }, version: 3 });
});

async function isAnybodyWaiting(): Promise<boolean> {
  const text = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
  return (await query(store.database, "waiting", text)).length > 0;
}
