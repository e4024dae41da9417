import type { Transaction } from "@throughline/log";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AccountError, accounts } from "./account.ts";
import { ConcurrencyError, closeStream, type DecideOptions, decide, loadState, readStream } from "./index.ts";
import { openTestStore } from "./test-store.ts";

let store: Awaited<ReturnType<typeof openTestStore>>;
beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store[Symbol.asyncDispose]());

let ids = 0;
const newId = () => `a-${ids++}`;
const tell = (id: string, command: Parameters<typeof accounts.decide>[0], options?: DecideOptions) =>
  store.database.transaction((tx) => decide(tx, accounts, id, command, options));
const deposit = (id: string, cents: number, options?: DecideOptions) => tell(id, { type: "deposit", cents }, options);

test("of two that create an entity at once, the later one gets a ConcurrencyError", async () => {
  const id = newId();
  const decided = Promise.withResolvers<void>();
  const later: typeof accounts = {
    ...accounts,
    decide(command, state) {
      decided.resolve();
      return accounts.decide(command, state);
    },
  };
  const create = (tx: Transaction, decider: typeof accounts) => decide(tx, decider, id, { type: "deposit", cents: 1 });
  let refused: Promise<void> | undefined;
  await store.database.transaction(async (tx) => {
    await create(tx, accounts);
    refused = expect(store.database.transaction((other) => create(other, later))).rejects.toThrow(ConcurrencyError);
    await decided.promise;
  });
  await refused;
  expect(await loadState(store.database, accounts, id)).toMatchObject({ state: { cents: 1 }, version: 1 });
});

test("two entities in one transaction commit together", async () => {
  const [from, to] = [newId(), newId()];
  await deposit(from, 100);
  const transfer = store.database.transaction(async (tx) => {
    await decide(tx, accounts, to, { type: "deposit", cents: 200 });
    await decide(tx, accounts, from, { type: "withdraw", cents: 200 });
  });
  await expect(transfer).rejects.toThrow(AccountError);
  expect(await loadState(store.database, accounts, to)).toMatchObject({ version: 0 });
});

test("entities that are decided side by side commit together, each with a history of its own", async () => {
  const [old, ...fresh] = [newId(), newId(), newId()];
  await deposit(old, 100);
  const decisions = await store.database.transaction((tx) =>
    Promise.all([
      decide(tx, accounts, old, { type: "withdraw", cents: 60 }),
      ...fresh.map((id) => decide(tx, accounts, id, { type: "deposit", cents: 5, note: "hello" })),
    ]),
  );
  expect(decisions.map(({ version }) => version)).toEqual([2, 2, 2]);
  const streams = await Promise.all([old, ...fresh].map((id) => readStream(store.database, `account-${id}`)));
  expect(streams.flatMap((events) => events.slice(-1))).toEqual(decisions.map(({ events }) => events.at(-1)));
  expect(await loadState(store.database, accounts, old)).toMatchObject({ state: { cents: 40 } });
});

test("of two decisions on one entity side by side in one transaction, the second is refused", async () => {
  const id = newId();
  await deposit(id, 100);
  const twice = store.database.transaction((tx) =>
    Promise.all([1, 2].map((cents) => decide(tx, accounts, id, { type: "deposit", cents }))),
  );
  await expect(twice).rejects.toThrow(ConcurrencyError);
  expect(await loadState(store.database, accounts, id)).toMatchObject({ state: { cents: 100 }, version: 1 });
});

test("what is decided beside a command that is refused is undone with it", async () => {
  const [rich, poor] = [newId(), newId()];
  const decisions: Promise<unknown>[] = [];
  const undone = store.database.transaction((tx) => {
    decisions.push(decide(tx, accounts, rich, { type: "deposit", cents: 1 }));
    decisions.push(decide(tx, accounts, poor, { type: "withdraw", cents: 1 }));
    return Promise.all(decisions);
  });
  await expect(undone).rejects.toThrow(AccountError);
  expect(await Promise.allSettled(decisions)).toMatchObject([{ status: "rejected" }, { status: "rejected" }]);
  expect(await readStream(store.database, `account-${rich}`)).toEqual([]);
});

test("of entities that are decided side by side, one that is closed fails them all", async () => {
  const [closed, open] = [newId(), newId()];
  for (const id of [closed, open]) await deposit(id, 100);
  await closeStream(store.database, `account-${closed}`, { expected: 1 });
  const deciding = store.database.transaction((tx) =>
    Promise.all([closed, open].map((id) => decide(tx, accounts, id, { type: "deposit", cents: 1 }))),
  );
  await expect(deciding).rejects.toThrow(`Stream account-${closed} is closed`);
  expect(await loadState(store.database, accounts, open)).toMatchObject({ version: 1 });
});

test("of two transactions that create several entities, the later one is refused where they meet", async () => {
  const [mine, ours, theirs] = [newId(), newId(), newId()];
  const create = (...ids: string[]) =>
    store.database.transaction((tx) =>
      Promise.all(ids.map((id) => decide(tx, accounts, id, { type: "deposit", cents: 1 }))),
    );
  const outcomes = await Promise.allSettled([create(mine, ours), create(ours, theirs)]);
  const refused = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
  for (const error of refused) expect(error).toBeInstanceOf(ConcurrencyError);
  expect(await loadState(store.database, accounts, ours)).toMatchObject({ version: 2 - refused.length });
});

test("the state inside a transaction is what the transaction left, and outside what is committed", async () => {
  const id = newId();
  await store.database.transaction(async (tx) => {
    await decide(tx, accounts, id, { type: "deposit", cents: 100 });
    expect(await loadState(tx, accounts, id)).toMatchObject({ state: { cents: 100 }, version: 1 });
    expect(await loadState(store.database, accounts, id)).toMatchObject({ version: 0 });
  });
});

test("a stream that lost events is refused instead of folded", async () => {
  const id = newId();
  for (const cents of [1, 2, 3]) await deposit(id, cents);
  await store.database.execute(`delete from events where stream_id = 'account-${id}' and version = 2`);
  await expect(loadState(store.database, accounts, id)).rejects.toThrow("version 3, but 2 events");
  await expect(deposit(id, 4)).rejects.toThrow("version 3, but 2 events");
});
