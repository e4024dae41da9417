import { claimCursor, type Database, openCursors, query } from "@throughline/log";
import { outboxLog } from "./outbox-log.ts";

export const small = { partitionRows: 10, replayWindowMs: 0 };
export const large = { partitionRows: 100_000, replayWindowMs: 0 };

export async function startAt(database: Database, last: number): Promise<void> {
  await query(database, "start_at", "select setval('outbox_position_seq', $1)", [last]);
}

export async function claim(database: Database, reader: string) {
  await openCursors(database, outboxLog, reader, { lanes: 1 });
  const cursor = await claimCursor(database, outboxLog, { reader, owner: "test" });
  if (cursor === undefined) throw new Error(`The cursor of ${reader} is held by somebody else`);
  return cursor;
}

export async function readPartitions(database: Database): Promise<string[]> {
  const rows = await query<{ name: string }>(
    database,
    "partition_names",
    "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'outbox'::regclass order by 1",
  );
  return rows.map(({ name }) => name);
}

export async function count(database: Database, table: string): Promise<number> {
  const [row] = await query<{ rows: number }>(database, `count_${table}`, `select count(*)::int as rows from ${table}`);
  return row?.rows ?? 0;
}
