import { type Database, moveCursor } from "@throughline/log";
import { expect, test, vi } from "vitest";
import { enqueue, startRelay } from "./index.ts";
import {
  createBroker,
  numbersTo,
  openOutbox,
  openTransaction,
  sequencesOf,
  tell,
  tellEarly,
  told,
} from "./outbox-under-test.ts";
import { maintainPartitions } from "./partitions.ts";
import { claim, count, large, readPartitions, small, startAt } from "./partitions-under-test.ts";

const soon = { timeout: 60_000, interval: 20 };

test("partitions are made while a writer is in the middle of it", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await startAt(database, 999_990);
  const writing = await openTransaction(database);
  await tellEarly(writing.tx, told("a"));
  await maintainPartitions(database, small);
  expect(await readPartitions(database)).toContain("outbox_p1000001");
  await writing.commit();
});

test("a writer in the middle of it keeps a partition from being dropped until the next time", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await passFirstPartition(database);
  const writing = await openTransaction(database);
  await tellEarly(writing.tx, told("a"));
  await expect(maintainPartitions(database, large)).rejects.toMatchObject({ cause: { code: "55P03" } });
  await writing.commit();
  await maintainPartitions(database, large);
  expect(await readPartitions(database)).not.toContain("outbox_p1");
});

test.each(["outbox_p1", "outbox_default"])("while a drop waits for a reader of %s, no writer waits", async (read) => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await passFirstPartition(database);
  const reading = await openTransaction(database);
  await reading.tx.execute(`select from ${read}`);
  let isWaiting = true;
  const maintenance = maintainPartitions(database, large).finally(() => {
    isWaiting = false;
  });
  await Promise.all([
    expect(maintenance).rejects.toMatchObject({ cause: { code: "55P03" } }),
    (async () => {
      while (isWaiting) await tellWithin(database, "1ms", "a");
    })(),
  ]);
  await reading.commit();
});

test("under load partitions come and go, and nothing is lost, late or waits", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await startAt(database, 1_000_000);
  const options = { partitionRows: 1_000, replayWindowMs: 0 };
  const broker = createBroker();
  await maintainPartitions(database, options);
  await using _ = await startRelay(database, { to: [broker], ...options });
  const keys = ["a", "b", "c", "d", "e", "f"];
  let isWriting = true;
  const writers = keys.map(async (key) => {
    let written = 0;
    while (isWriting) {
      await tellWithin(database, "50ms", key);
      written += 1;
    }
    return written;
  });
  const seen = new Set<string>();
  while (seen.size < 8) {
    for (const name of await readPartitions(database)) seen.add(name);
    await maintainPartitions(database, options).catch(unlessLocked);
  }
  isWriting = false;
  const counts = await Promise.all(writers);
  await vi.waitUntil(() => broker.received.length >= counts.reduce((sum, written) => sum + written), soon);
  expect(sequencesOf(broker.received)).toEqual(
    Object.fromEntries(keys.map((key, index) => [key, numbersTo(counts[index] ?? 0)])),
  );
  expect(await count(database, "outbox_default")).toBe(0);
  expect((await readPartitions(database)).length).toBeLessThan(seen.size);
}, 120_000);

/** Every destination has had all of `outbox_p1`. */
async function passFirstPartition(database: Database): Promise<void> {
  await startAt(database, 1_000_000);
  await maintainPartitions(database, large);
  await tell(database, told("a"));
  await moveCursor(database, await claim(database, "test"), 1_000_001);
}

/** Fails where it has to wait for a lock for longer. */
function tellWithin(database: Database, longest: string, key: string): Promise<void> {
  return database.transaction(async (tx) => {
    await tx.execute(`set local lock_timeout = '${longest}'`);
    await enqueue(tx, "order-service", [told(key)]);
  });
}

function unlessLocked(error: { readonly cause?: { readonly code?: string } }): void {
  if (error.cause?.code !== "55P03") throw error;
}
