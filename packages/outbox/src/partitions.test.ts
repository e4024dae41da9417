import { connect } from "@throughline/local/testing";
import { claimCursor, type Database, moveCursor, query } from "@throughline/log";
import { expect, test, vi } from "vitest";
import { enqueue, startRelay } from "./index.ts";
import { outboxLog } from "./outbox-log.ts";
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

const soon = { timeout: 60_000, interval: 20 };
const small = { partitionRows: 10, replayWindowMs: 0 };
const large = { partitionRows: 100_000, replayWindowMs: 0 };

test("partitions are made ahead of the writers", async () => {
  await using outbox = await openOutbox();
  await startAt(outbox.database, 1_000_000);
  await maintainPartitions(outbox.database, small);
  expect(await readPartitions(outbox.database)).toEqual([
    "outbox_default",
    "outbox_p1",
    "outbox_p1000001",
    "outbox_p1000011",
  ]);
  for (const _ of numbersTo(15)) await tell(outbox.database, told("a"));
  expect(await count(outbox.database, "outbox_p1000001")).toBe(10);
  expect(await count(outbox.database, "outbox_p1000011")).toBe(5);
});

test("a partition that every destination has passed is dropped whole, once the replay window has left it", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await startAt(database, 999_995);
  await maintainPartitions(database, small);
  for (const _ of numbersTo(10)) await tell(database, told("a"));
  const [slow, fast] = [await claim(database, "slow"), await claim(database, "fast")];
  await moveCursor(database, fast, 1_000_005);
  await maintainPartitions(database, small);
  expect(await readPartitions(database)).toContain("outbox_p1");
  await moveCursor(database, slow, 1_000_001);
  await maintainPartitions(database, { ...small, replayWindowMs: 3_600_000 });
  expect(await readPartitions(database)).toContain("outbox_p1");
  await maintainPartitions(database, small);
  expect(await readPartitions(database)).not.toContain("outbox_p1");
  expect(await count(database, "outbox")).toBe(5);
});

test("while another relay is at the partitions, they are left to it", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await startAt(database, 1_000_001);
  await maintainPartitions(database, small);
  await moveCursor(database, await claim(database, "only"), 1_000_001);
  const other = await openTransaction(database);
  await other.tx.execute("select pg_advisory_xact_lock(hashtextextended('throughline.outbox.partitions', 0))");
  await maintainPartitions(database, small);
  expect(await readPartitions(database)).toContain("outbox_p1");
  await other.commit();
  await maintainPartitions(database, small);
  expect(await readPartitions(database)).not.toContain("outbox_p1");
});

test("without a destination nothing is dropped", async () => {
  await using outbox = await openOutbox();
  await startAt(outbox.database, 1_000_001);
  await maintainPartitions(outbox.database, small);
  expect(await readPartitions(outbox.database)).toContain("outbox_p1");
});

test("what came past the last partition is kept, and later emptied", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await startAt(database, 2_000_000);
  await tell(database, told("a"));
  expect(await count(database, "outbox_default")).toBe(1);
  await maintainPartitions(database, small);
  await tell(database, ...numbersTo(11).map(() => told("a")));
  expect(await count(database, "outbox_default")).toBe(10);
  expect(await count(database, "outbox_p2000011")).toBe(2);
  await moveCursor(database, await claim(database, "test"), 2_000_010);
  await maintainPartitions(database, small);
  expect(await count(database, "outbox_default")).toBe(0);
  expect(await count(database, "outbox")).toBe(2);
});

test("partitions are made without reading a default one that is full, while nobody may write to it", async () => {
  await using outbox = await openOutbox();
  const { database, url } = outbox;
  await startAt(database, 2_000_000);
  await tell(database, told("a"));
  await using talkative = connect(`${url}?options=-c%20client_min_messages%3Ddebug1`);
  const notices: (string | undefined)[] = [];
  talkative.pool.on("connect", (client) => client.on("notice", ({ message }) => notices.push(message)));
  await maintainPartitions(talkative.database, small);
  expect(await readPartitions(database)).toContain("outbox_p2000011");
  expect(notices).toContain(
    'updated partition constraint for default partition "outbox_default" is implied by existing constraints',
  );
});

test("a default partition is emptied, however much it holds", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await startAt(database, 2_000_000);
  await database.execute(`insert into outbox (key, type, id, version, "timestamp", source, sequence, correlation_id, wire)
    select 'k', 'order.created', n, '1', '', '', n, '', '' from generate_series(1, 20001) n`);
  await moveCursor(database, await claim(database, "test"), 2_020_000);
  await maintainPartitions(database, large);
  expect(await count(database, "outbox_default")).toBe(1);
});

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
      await tellWithin(database, "1s", key);
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

async function startAt(database: Database, last: number): Promise<void> {
  await query(database, "start_at", "select setval('outbox_position_seq', $1)", [last]);
}

async function claim(database: Database, reader: string) {
  const cursor = await claimCursor(database, outboxLog, { reader, owner: "test" });
  if (cursor === undefined) throw new Error(`The cursor of ${reader} is held by somebody else`);
  return cursor;
}

async function readPartitions(database: Database): Promise<string[]> {
  const rows = await query<{ name: string }>(
    database,
    "partition_names",
    "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'outbox'::regclass order by 1",
  );
  return rows.map(({ name }) => name);
}

async function count(database: Database, table: string): Promise<number> {
  const [row] = await query<{ rows: number }>(database, `count_${table}`, `select count(*)::int as rows from ${table}`);
  return row?.rows ?? 0;
}
