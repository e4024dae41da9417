import type { Envelope } from "@throughline/envelope";
import { eventLog, migrations as eventStore, readEvents, rebuildView } from "@throughline/event-store";
import { openTestDatabase } from "@throughline/local/testing";
import { checkLog, type Database, migrations as log, whatHoldsBack } from "@throughline/log";
import { migrations as outbox, outboxLog, startRelay } from "@throughline/outbox";
import { memoryTransport } from "@throughline/transport/memory";
import { expect, test, vi } from "vitest";
import { orders } from "./order.ts";
import { dumpAndRestore } from "./testing/dump.ts";
import { keepDoing, order, runAnOrder } from "./testing/load.ts";
import { placeOrder } from "./use-cases.ts";
import { findOrder, orderView } from "./views.ts";

const packages = [log, eventStore, outbox, { name: "order", folder: `${import.meta.dirname}/../migrations` }] as const;
const soon = { timeout: 25_000, interval: 5 };

test("a database that was dumped under load and restored is whole, and goes on where the dump was made", async () => {
  await using old = await openTestDatabase(...packages);
  const repeatable = { key: "k-1", fingerprint: "f-1" };
  const answer = await old.database.transaction((tx) => placeOrder(tx, order, { repeatable }));
  for (let number = 0; number < 20; number += 1) await runAnOrder(old.database, number);
  const before = await published(old.database);
  const { lost, restored } = await dumpUnderLoad(old);
  await using _ = restored;
  const { database } = restored;

  // Both logs may be trusted, nothing holds their readers back, and everything in them is read.
  for (const each of [eventLog, outboxLog]) {
    await checkLog(database, each);
    expect(await whatHoldsBack(database, each)).toBeUndefined();
  }
  const history = await readEvents(database, { after: 0, limit: 1_000_000 });
  expect(await database.execute("select from events")).toMatchObject({ rowCount: history.length });
  expect(history).toEqual((await readEvents(old.database, { after: 0, limit: 1_000_000 })).filter(isIn(history)));
  expect(await database.execute(brokenStreams)).toMatchObject({ rows: [] });
  expect(await rebuildView(database, orders, orderView)).toEqual({ removed: 0, added: 0 });

  // What was not committed when the dump was made is not there; what was told before is still answered as before.
  expect(await findOrder(database, lost)).toBeUndefined();
  expect(await database.transaction((tx) => placeOrder(tx, order, { repeatable }))).toEqual(answer);

  // What happens now comes after all that was, and the relay goes on behind what it had published.
  const next = await runAnOrder(database, 0);
  const since = await readEvents(database, { after: history.at(-1)?.position ?? 0 });
  expect(since.map(({ streamId }) => streamId)).toEqual(Array.from({ length: 4 }, () => `order-${next}`));
  const after = await published(database);
  const { rows } = await database.execute<{ id: string }>("select id from outbox order by position");
  expect([...before, ...after].map(({ id }) => id).sort()).toEqual(rows.map(({ id }) => id).sort());
});

test("a restored database whose sequence stayed behind its rows is refused before anything is written", async () => {
  await using old = await openTestDatabase(...packages);
  await runAnOrder(old.database, 0);
  await using restored = await dumpAndRestore(old.url, ...packages);
  await restored.database.execute("select setval('outbox_position_seq', 1)");
  const starting = startRelay(restored.database, { to: [{ transport: memoryTransport() }] });
  await expect(starting).rejects.toThrow("Sequence outbox_position_seq stands at 1 and log outbox at 2");
});

/** Everything that a relay publishes until nothing waits. */
async function published(database: Database): Promise<Envelope[]> {
  const received: Envelope[] = [];
  const publish = async (envelopes: readonly Envelope[]) => void received.push(...envelopes);
  const connectPublisher = async () => ({ publish, [Symbol.asyncDispose]: async () => undefined });
  await using relay = await startRelay(database, { to: [{ transport: { ...memoryTransport(), connectPublisher } }] });
  await vi.waitUntil(async () => (await relay.status())[0]?.waiting === 0, soon);
  return received;
}

/** Dumps while orders come in, and one that has been placed has not committed yet. */
async function dumpUnderLoad({ url, database }: { readonly url: string; readonly database: Database }) {
  await using _writers = keepDoing((number) => runAnOrder(database, number), 4);
  return await database.transaction(async (tx) => {
    const { orderId: lost } = await placeOrder(tx, order);
    return { lost, restored: await dumpAndRestore(url, ...packages) };
  });
}

const isIn = (history: readonly { readonly id: string }[]) => {
  const ids = new Set(history.map(({ id }) => id));
  return ({ id }: { readonly id: string }) => ids.has(id);
};

const brokenStreams = `select stream_id from streams left join events using (stream_id)
  group by stream_id, streams.version having count(events.version) <> streams.version or max(events.version) <> streams.version`;
