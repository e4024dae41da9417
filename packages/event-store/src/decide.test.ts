import { setImmediate } from "node:timers/promises";
import type { Transaction } from "@throughline/log";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AccountError, accounts } from "./account.ts";
import {
  ConcurrencyError,
  closeStream,
  type DecideOptions,
  decide,
  decideAll,
  loadState,
  readStream,
} from "./index.ts";
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

test("commands to one entity in one transaction are decided one after another, each on what those before it left", async () => {
  const id = newId();
  const outcomes = await store.database.transaction((tx) => {
    const withdraw = () => decide(tx, accounts, id, { type: "withdraw", cents: 60 });
    const first = decide(tx, accounts, id, { type: "deposit", cents: 100, note: "salary" });
    const later = setImmediate().then(() => decide(tx, accounts, id, { type: "deposit", cents: 30 }));
    return Promise.allSettled([first, withdraw(), withdraw(), later]);
  });
  expect(outcomes).toMatchObject([
    { value: { version: 2, state: { cents: 100 }, events: [{ version: 1 }, { version: 2 }] } },
    { value: { version: 3, state: { cents: 40 }, events: [{ version: 3 }] } },
    { reason: expect.any(AccountError) },
    { value: { version: 4, state: { cents: 70 }, events: [{ version: 4 }] } },
  ]);
  const told = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? outcome.value.events : []));
  expect(await readStream(store.database, `account-${id}`)).toEqual(told);
});

test("a command that is told twice side by side in one transaction gets its first result twice", async () => {
  const id = newId();
  const [first, again] = await store.database.transaction((tx) => {
    const tell = () => decide(tx, accounts, id, { type: "deposit", cents: 1 }, { commandId: `c-${id}` });
    return Promise.all([tell(), tell()]);
  });
  expect(again).toEqual(first);
  expect(await loadState(store.database, accounts, id)).toMatchObject({ state: { cents: 1 }, version: 1 });
});

test("each of the commands that are decided side by side keeps its own metadata", async () => {
  const id = newId();
  await store.database.transaction((tx) =>
    Promise.all(
      ["ann", "bob"].map((by) => decide(tx, accounts, id, { type: "deposit", cents: 1 }, { metadata: { by } })),
    ),
  );
  const events = await readStream(store.database, `account-${id}`);
  expect(events.map(({ metadata }) => metadata)).toEqual([{ by: "ann" }, { by: "bob" }]);
});

test("of commands that are told together all make happen what they do, or none, and the transaction goes on", async () => {
  const [rich, poor] = [newId(), newId()];
  await deposit(rich, 100);
  const move = (tx: Transaction, cents: number, from = rich, to = poor) =>
    decideAll(tx, accounts, [
      { id: to, command: { type: "deposit", cents } },
      { id: from, command: { type: "withdraw", cents } },
    ]);
  const outcomes = await store.database.transaction((tx) =>
    Promise.allSettled([move(tx, 101), move(tx, 70), move(tx, 50), move(tx, 20, poor, rich)]),
  );
  expect(outcomes).toMatchObject([
    { reason: expect.any(AccountError) },
    { value: [{ state: { cents: 70 } }, { state: { cents: 30 } }] },
    { reason: expect.any(AccountError) },
    { value: [{ state: { cents: 50 } }, { state: { cents: 50 } }] },
  ]);
  for (const id of [rich, poor])
    expect(await loadState(store.database, accounts, id)).toMatchObject({ state: { cents: 50 } });
});

test("a command beside one that the rules forbid is undone with their transaction", async () => {
  const [rich, poor] = [newId(), newId()];
  const undone = store.database.transaction((tx) =>
    Promise.all([
      decide(tx, accounts, rich, { type: "deposit", cents: 1 }),
      decide(tx, accounts, poor, { type: "withdraw", cents: 1 }),
    ]),
  );
  await expect(undone).rejects.toThrow(AccountError);
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
