import { type Database, query, type Transaction } from "@throughline/log";

export type PartitionOptions = {
  /** Positions per partition. */
  readonly partitionRows: number;
  /** How long, in milliseconds, published messages are kept. */
  readonly replayWindowMs: number;
};

type Partition = { readonly name: string; readonly from: number; readonly to: number };

/** Partitions that are there before they are needed, so that the default one stays empty and can be locked at once. */
const ahead = 2;

/**
 * Makes the partitions to come and drops those that every reader has passed and the replay window has left. Waits for no
 * lock longer than a moment, since writers would queue behind it, and rejects where it did not get one: try again later.
 */
export async function maintainPartitions(database: Database, options: PartitionOptions): Promise<void> {
  await alone(database, (tx) => addPartitions(tx, options.partitionRows));
  while (await alone(database, (tx) => dropOldest(tx, options.replayWindowMs)));
  await alone(database, (tx) => emptyDefault(tx, options.replayWindowMs));
}

/** One relay at a time, in a transaction of its own. */
function alone(database: Database, work: (tx: Transaction) => Promise<boolean>): Promise<boolean> {
  return database.transaction(async (tx) => {
    const [lock] = await query<{ taken: boolean }>(
      tx,
      "outbox_maintenance",
      "select pg_try_advisory_xact_lock(hashtextextended('throughline.outbox.partitions', 0)) as taken",
    );
    if (!lock?.taken) return false;
    await tx.execute("set local lock_timeout = '200ms'");
    return work(tx);
  });
}

async function addPartitions(tx: Transaction, partitionRows: number): Promise<boolean> {
  const [sequence] = await query<{ last: number }>(
    tx,
    "outbox_last_position",
    "select last_value::float8 as last from outbox_position_seq",
  );
  const last = sequence?.last ?? 0;
  const top = Math.max(0, ...(await readPartitions(tx)).map(({ to }) => to));
  // Where writers have come past the last partition, rows of theirs are in the default one: leave room for more.
  let from = top > last ? top : last + Math.ceil(partitionRows / 10);
  for (; from < last + ahead * partitionRows; from += partitionRows) {
    // Attaching locks the parent against other changes only, where "partition of" would lock out all writers.
    await tx.execute(`create table outbox_p${from} (like outbox including all)`);
    await tx.execute(
      `alter table outbox attach partition outbox_p${from} for values from (${from}) to (${from + partitionRows})`,
    );
  }
  return true;
}

/** True where one was dropped and there may be more. */
async function dropOldest(tx: Transaction, replayWindowMs: number): Promise<boolean> {
  const passed = await readPassed(tx);
  const [oldest] = (await readPartitions(tx)).sort((one, other) => one.from - other.from);
  if (oldest === undefined || oldest.to > passed + 1) return false;
  const [newest] = await query<{ isRecent: boolean }>(
    tx,
    `outbox_newest_${oldest.from}`,
    `select created_at > now() - $1 * interval '1 millisecond' as "isRecent"
     from ${oldest.name} order by position desc limit 1`,
    [replayWindowMs],
  );
  if (newest?.isRecent) return false;
  await tx.execute(`drop table ${oldest.name}`);
  return true;
}

async function emptyDefault(tx: Transaction, replayWindowMs: number): Promise<boolean> {
  await query(
    tx,
    "outbox_empty_default",
    "delete from outbox_default where position <= $1 and created_at < now() - $2 * interval '1 millisecond'",
    [await readPassed(tx), replayWindowMs],
  );
  return true;
}

/** The position that every destination has passed. */
async function readPassed(tx: Transaction): Promise<number> {
  const [row] = await query<{ position: number }>(
    tx,
    "outbox_passed",
    "select coalesce(min(position), 0)::float8 as position from log_cursors where log = 'outbox'",
  );
  return row?.position ?? 0;
}

function readPartitions(tx: Transaction): Promise<Partition[]> {
  return query<Partition>(
    tx,
    "outbox_partitions",
    `select name, bounds[1]::float8 as "from", bounds[2]::float8 as "to" from (
       select c.oid::regclass::text as name,
         regexp_match(pg_get_expr(c.relpartbound, c.oid), $$FROM \\('(\\d+)'\\) TO \\('(\\d+)'\\)$$) as bounds
       from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'outbox'::regclass
     ) partitions where bounds is not null`,
  );
}
