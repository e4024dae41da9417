import { setTimeout as delay } from "node:timers/promises";
import { changePartitions, type Database, dropPartition, query } from "@throughline/log";

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
 * Makes the partitions to come, which no writer notices, and drops those that every reader has passed and the replay window
 * has left. For a drop writers may have to wait, for 50 ms at most: where others are in its way, it rejects, and is to be
 * tried again later.
 */
export async function maintainPartitions(database: Database, options: PartitionOptions): Promise<void> {
  await addPartitions(database, options.partitionRows);
  while (await dropOldest(database, options.replayWindowMs));
  while (await emptyDefault(database, options.replayWindowMs));
}

async function addPartitions(database: Database, partitionRows: number): Promise<void> {
  const [sequence] = await query<{ last: number }>(
    database,
    "outbox_last_position",
    "select last_value::float8 as last from outbox_position_seq",
  );
  const last = sequence?.last ?? 0;
  const top = Math.max(0, ...(await readPartitions(database)).map(({ to }) => to));
  // Where writers have come past the last partition, they are in the default one, and are still when this is done.
  const first = top > last ? top : last + partitionRows;
  const starts: number[] = [];
  for (let from = first; from < last + ahead * partitionRows; from += partitionRows) starts.push(from);
  if (starts.length > 0) await attach(database, starts, { last, partitionRows });
}

type Extent = { readonly last: number; readonly partitionRows: number };

async function attach(database: Database, starts: readonly number[], { last, partitionRows }: Extent): Promise<void> {
  const [kept] = await query<{ isInUse: boolean }>(
    database,
    "outbox_default_in_use",
    'select exists (select from outbox_default) as "isInUse"',
  );
  const creations = starts.map((from) => `create table outbox_p${from} (like outbox including all);`);
  // It locks the parent against other changes only, where "partition of" would lock out all writers.
  const attachments = starts.map((from) => {
    const bounds = `from (${from}) to (${from + partitionRows})`;
    return `alter table outbox attach partition outbox_p${from} for values ${bounds};`;
  });
  const forget = "alter table outbox_default drop constraint if exists outbox_default_apart;";
  const make = `${[...creations, ...attachments].join("\n")}\n${forget} exception when duplicate_table then null;`;
  const change = (statements: string) => changePartitions(database, "outbox", statements);
  const from = Math.min(...starts);
  // Writers who are nearly there already rather wait for it to be read.
  if (!kept?.isInUse || from - last < partitionRows / 2) return await change(make);
  await proveApart(database, from, Math.max(...starts) + partitionRows);
  try {
    await insist(() => change(make));
  } catch (error) {
    await insist(() => change(forget));
    throw error;
  }
}

/** Others are in the way for a moment each: what must not be left half done is tried for some seconds. */
async function insist(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === 20) throw error;
      await delay(100);
    }
  }
}

/**
 * Whoever attaches a partition reads the whole default one, while nobody may write to it, unless a constraint says that it
 * has no row of the new one. Should it outlive this process, and no other relay come before writers are at these positions,
 * they fail: hence only where there is something to read, and they are far from there.
 */
async function proveApart(database: Database, from: number, to: number): Promise<void> {
  await changePartitions(
    database,
    "outbox",
    `alter table outbox_default drop constraint if exists outbox_default_apart, add constraint outbox_default_apart
       check (position < ${from} or position >= ${to}) not valid;`,
  );
  // Reads it all, beside the writers.
  await changePartitions(
    database,
    "outbox",
    `alter table outbox_default validate constraint outbox_default_apart;
    exception when undefined_object then null;`,
  );
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
  await dropPartition(database, "outbox", oldest.name);
  // Where it is another relay's turn, it is still there, and that one goes on.
  return (await readPartitions(database)).every(({ name }) => name !== oldest.name);
}

/** True where there may be more. */
async function emptyDefault(database: Database, replayWindowMs: number): Promise<boolean> {
  const [gone] = await query<{ isAll: boolean }>(
    database,
    "outbox_empty_default",
    `with gone as (
       delete from outbox_default where ctid = any(array(
         select ctid from outbox_default where position <= $1 and created_at < now() - $2 * interval '1 millisecond'
         limit 10000)) returning 1
     ) select count(*) < 10000 as "isAll" from gone`,
    [await readPassed(database), replayWindowMs],
  );
  return gone?.isAll === false;
}

/** The position that every destination has passed. */
async function readPassed(database: Database): Promise<number> {
  const [row] = await query<{ position: number }>(
    database,
    "outbox_passed",
    "select coalesce(min(position), 0)::float8 as position from log_cursors where log = 'outbox'",
  );
  return row?.position ?? 0;
}

function readPartitions(database: Database): Promise<Partition[]> {
  return query<Partition>(
    database,
    "outbox_partitions",
    `select name, bounds[1]::float8 as "from", bounds[2]::float8 as "to" from (
       select c.oid::regclass::text as name,
         regexp_match(pg_get_expr(c.relpartbound, c.oid), $$FROM \\('(\\d+)'\\) TO \\('(\\d+)'\\)$$) as bounds
       from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'outbox'::regclass
     ) partitions where bounds is not null`,
  );
}
