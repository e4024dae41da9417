import { claimCursor, type Database, moveCursor, query } from "@throughline/log";
import { expect, test } from "vitest";
import { outboxLog } from "./outbox-log.ts";
import { numbersTo, openOutbox, openTransaction, tell, told } from "./outbox-under-test.ts";
import { maintainPartitions } from "./partitions.ts";

const small = { partitionRows: 10, replayWindowMs: 0 };

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
  await tell(database, told("a"), told("a"));
  expect(await count(database, "outbox_p2000002")).toBe(2);
  await moveCursor(database, await claim(database, "test"), 2_000_001);
  await maintainPartitions(database, small);
  expect(await count(database, "outbox_default")).toBe(0);
  expect(await count(database, "outbox")).toBe(2);
});

test("an open transaction makes maintenance wait for next time, and no writer wait for maintenance", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await startAt(database, 1_000_000);
  await maintainPartitions(database, small);
  await tell(database, told("a"));
  await moveCursor(database, await claim(database, "test"), 1_000_001);
  const reading = await openTransaction(database);
  await reading.tx.execute("select count(*) from outbox");
  await expect(maintainPartitions(database, small)).rejects.toMatchObject({ cause: { code: "55P03" } });
  await tell(database, told("a"));
  await reading.commit();
  await maintainPartitions(database, small);
  expect(await readPartitions(database)).not.toContain("outbox_p1");
});

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
