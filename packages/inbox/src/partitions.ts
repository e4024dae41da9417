import { changePartitions, type Database, dropPartition, query } from "@throughline/log";
import { defaultRetentionDays, marginDays } from "./retention.ts";

export type PartitionOptions = { readonly retentionDays?: number; readonly daysAhead?: number };

type Days = { readonly oldest: string; readonly newest: string };

const table = "processed_messages";
const today = "(now() at time zone 'utc')::date";

/**
 * Makes partitions for the days kept and for some ahead, and drops older ones whole. They are kept for longer than messages
 * are accepted. No message waits for it for more than 50 ms: where others are in its way, it rejects, and is to be tried
 * again later.
 */
export async function maintainPartitions(
  database: Database,
  { retentionDays = defaultRetentionDays, daysAhead = 7 }: PartitionOptions = {},
): Promise<void> {
  const [days] = await query<Days>(
    database,
    "inbox-days",
    `select (${today} - $1::integer - ${marginDays})::text as oldest, (${today} + $2::integer)::text as newest`,
    [retentionDays, daysAhead],
  );
  if (days === undefined) return;
  while (await addDay(database, days));
  while (await dropDay(database, days));
  while (await emptyDefault(database, days));
}

/** True where one was missing and there may be more. */
async function addDay(database: Database, { oldest, newest }: Days): Promise<boolean> {
  const [missing] = await query<{ name: string; from: string; to: string }>(
    database,
    "inbox-missing-day",
    `select name, day::text as "from", (day + 1)::text as "to" from (
       select day::date as day, '${table}_' || to_char(day, 'YYYYMMDD') as name
       from generate_series($1::date, $2::date, interval '1 day') as day
     ) days
     where to_regclass(name) is null and day not in (select message_day from ${table}_default)
     order by abs(day - ${today}) limit 1`,
    [oldest, newest],
  );
  if (missing === undefined) return false;
  const { name, from, to } = missing;
  // Attaching reads the default partition, which has only messages of odd days. A day that comes to it meanwhile, it keeps.
  await changePartitions(
    database,
    table,
    `create table ${name} (like ${table} including all);
    alter table ${table} attach partition ${name} for values from ('${from}') to ('${to}');
    exception when duplicate_table or check_violation then null;`,
  );
  return true;
}

async function dropDay(database: Database, { oldest }: Days): Promise<boolean> {
  const [old] = await query<{ name: string }>(
    database,
    "inbox-old-day",
    `select name from (select inhrelid::regclass::text as name from pg_inherits where inhparent = '${table}'::regclass) days
     where name ~ '^${table}_[0-9]{8}$' and name < '${table}_' || to_char($1::date, 'YYYYMMDD') order by name limit 1`,
    [oldest],
  );
  if (old === undefined) return false;
  await dropPartition(database, table, old.name);
  return true;
}

async function emptyDefault(database: Database, { oldest }: Days): Promise<boolean> {
  const [gone] = await query<{ isAll: boolean }>(
    database,
    "inbox-empty-default",
    `with gone as (
       delete from ${table}_default where ctid = any(array(
         select ctid from ${table}_default where message_day < $1::date limit 10000)) returning 1
     ) select count(*) < 10000 as "isAll" from gone`,
    [oldest],
  );
  return gone?.isAll === false;
}
