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
/** One relay at a time. */
const turn = "pg_try_advisory_xact_lock(hashtextextended('throughline.outbox.partitions', 0))";

/**
 * Makes the partitions to come, which no writer notices, and drops those that every reader has passed and the replay window
 * has left. For a drop writers may have to wait, for 50 ms at most: where others are in its way, it rejects, and is to be
 * tried again later.
 */
export async function maintainPartitions(database: Database, options: PartitionOptions): Promise<void> {
  await alone(database, (tx) => addPartitions(tx, options.partitionRows));
  while (await dropOldest(database, options.replayWindowMs));
  await alone(database, (tx) => emptyDefault(tx, options.replayWindowMs));
}

/** In a transaction of its own. */
function alone(database: Database, work: (tx: Transaction) => Promise<void>): Promise<void> {
  return database.transaction(async (tx) => {
    const [lock] = await query<{ taken: boolean }>(tx, "outbox_maintenance", `select ${turn} as taken`);
    if (!lock?.taken) return;
    await tx.execute("set local lock_timeout = '30ms'");
    await work(tx);
  });
}

async function addPartitions(tx: Transaction, partitionRows: number): Promise<void> {
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
}

/** True where one was dropped and there may be more. */
async function dropOldest(database: Database, replayWindowMs: number): Promise<boolean> {
  const passed = await readPassed(database);
  const [oldest] = (await readPartitions(database)).sort((one, other) => one.from - other.from);
  if (oldest === undefined || oldest.to > passed + 1) return false;
  const [newest] = await query<{ isRecent: boolean }>(
    database,
    `outbox_newest_${oldest.from}`,
    `select created_at > now() - $1 * interval '1 millisecond' as "isRecent"
     from ${oldest.name} order by position desc limit 1`,
    [replayWindowMs],
  );
  if (newest?.isRecent) return false;
  await database.execute(drop(oldest.name));
  // Where it is another relay's turn, it is still there, and that one goes on.
  return (await readPartitions(database)).every(({ name }) => name !== oldest.name);
}

/**
 * One statement, which commits by itself, so that no lock is held for as long as this process needs to say the next thing.
 * Writers wait from the moment on at which the whole table is asked for: by then nobody is in the way of the rest.
 */
const drop = (partition: string) => `
  do $$ begin
    if not ${turn} or to_regclass('${partition}') is null then return; end if;
    perform set_config('lock_timeout', '30ms', true);
    lock table ${partition}, outbox_default in access exclusive mode;
    lock table only outbox in access exclusive mode;
    drop table ${partition};
  end $$`;

async function emptyDefault(tx: Transaction, replayWindowMs: number): Promise<void> {
  await query(
    tx,
    "outbox_empty_default",
    "delete from outbox_default where position <= $1 and created_at < now() - $2 * interval '1 millisecond'",
    [await readPassed(tx), replayWindowMs],
  );
}

/** The position that every destination has passed. */
async function readPassed(handle: Database | Transaction): Promise<number> {
  const [row] = await query<{ position: number }>(
    handle,
    "outbox_passed",
    "select coalesce(min(position), 0)::float8 as position from log_cursors where log = 'outbox'",
  );
  return row?.position ?? 0;
}

function readPartitions(handle: Database | Transaction): Promise<Partition[]> {
  return query<Partition>(
    handle,
    "outbox_partitions",
    `select name, bounds[1]::float8 as "from", bounds[2]::float8 as "to" from (
       select c.oid::regclass::text as name,
         regexp_match(pg_get_expr(c.relpartbound, c.oid), $$FROM \\('(\\d+)'\\) TO \\('(\\d+)'\\)$$) as bounds
       from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'outbox'::regclass
     ) partitions where bounds is not null`,
  );
}
