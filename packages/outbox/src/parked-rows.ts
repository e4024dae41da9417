import { type Database, query, type Transaction } from "@throughline/log";
import { type Row, rowColumns } from "./rows.ts";

/** The keys of one lane at one destination. */
export type Share = { readonly destination: string; readonly lanes: number; readonly number: number };

export type DueKeys = {
  /** `tries` is how often the first message of the key was refused. */
  readonly keys: readonly { readonly key: string; readonly tries: number }[];
  /** By key, in order. */
  readonly rows: readonly Row[];
};

/** What becomes of parked messages after a try, as columns for the database. */
export type Verdict = {
  /** Positions. */
  readonly delivered: number[];
  readonly dead: [positions: number[], tries: number[], errors: string[]];
  /** Null in place of a pause: the key waits for a person. */
  readonly keys: [keys: string[], tries: number[], retryInMs: (number | null)[], errors: (string | null)[]];
};

/** Copies messages out of the outbox. Their keys are due after `retryMs` where `errors` has them, else at once. */
export async function parkRows(
  tx: Transaction,
  destination: string,
  positions: readonly number[],
  { errors, retryMs }: { readonly errors: ReadonlyMap<string, string>; readonly retryMs: number },
): Promise<void> {
  await query(
    tx,
    "outbox_park",
    `with moved as (
       insert into outbox_parked select $1, o.* from outbox o where o.position = any($2::bigint[])
       on conflict do nothing returning key, slot
     )
     insert into outbox_parked_keys (destination, key, slot, attempts, retry_at, error)
     select $1, m.key, m.slot, case when e.key is null then 0 else 1 end,
       clock_timestamp() + case when e.key is null then 0 else $5::float8 end * interval '1 millisecond', e.error
     from (select distinct key, slot from moved) m
       left join unnest($3::text[], $4::text[]) as e(key, error) on e.key = m.key
     on conflict do nothing`,
    [destination, positions, [...errors.keys()], [...errors.values()], retryMs],
  );
}

export async function readParkedKeys(database: Database, share: Share): Promise<string[]> {
  const found = await query<{ key: string }>(
    database,
    "outbox_parked_keys",
    "select key from outbox_parked_keys where destination = $1 and slot % $2 = $3",
    toValues(share),
  );
  return found.map(({ key }) => key);
}

/** Bytes of a key that are tried together, unless they are of one message. */
const keyBytes = 64 * 1_024;

/** The keys that are due, also those that have no message any more, and the first messages of each. */
export async function readDue(database: Database, share: Share): Promise<DueKeys> {
  const keys = await query<{ key: string; tries: number }>(
    database,
    "outbox_due_keys",
    `select key, attempts as tries from outbox_parked_keys
     where destination = $1 and slot % $2 = $3 and retry_at <= clock_timestamp() order by retry_at limit 50`,
    toValues(share),
  );
  if (keys.length === 0) return { keys, rows: [] };
  const rows = await query<Row>(
    database,
    "outbox_due_rows",
    `select r.* from unnest($2::text[]) with ordinality as due(key, nth), lateral (
       select position::float8 as position, ${rowColumns},
         (sum(octet_length(wire)) over (order by p.position rows unbounded preceding))::float8 as bytes
       from outbox_parked p where p.destination = $1 and p.key = due.key order by p.position limit 20
     ) r where bytes <= $3 or bytes = octet_length(wire) order by nth, r.position`,
    [share.destination, keys.map(({ key }) => key), keyBytes],
  );
  return { keys, rows };
}

/** In how many milliseconds the next key is due; `Infinity` where none is. */
export async function readNextDueMs(database: Database, share: Share): Promise<number> {
  const [row] = await query<{ ms: number | null }>(
    database,
    "outbox_next_due",
    `select (extract(epoch from min(retry_at) - clock_timestamp()) * 1000)::float8 as ms from outbox_parked_keys
     where destination = $1 and slot % $2 = $3 and retry_at < 'infinity'`,
    toValues(share),
  );
  return row?.ms ?? Number.POSITIVE_INFINITY;
}

/** Returns the keys that have no message left and are parked no more. */
export async function applyVerdict(tx: Transaction, destination: string, verdict: Verdict): Promise<string[]> {
  await query(tx, "outbox_unpark", "delete from outbox_parked where destination = $1 and position = any($2)", [
    destination,
    verdict.delivered,
  ]);
  await query(tx, "outbox_bury", burial, [destination, ...verdict.dead]);
  await query(tx, "outbox_delay_keys", delay, [destination, ...verdict.keys]);
  const released = await query<{ key: string }>(tx, "outbox_release_keys", release, [destination, verdict.keys[0]]);
  return released.map(({ key }) => key);
}

function toValues({ destination, lanes, number }: Share): unknown[] {
  return [destination, lanes, number];
}

const burial = `
  with gone as (
    delete from outbox_parked p using unnest($2::bigint[], $3::integer[], $4::text[]) as d(position, attempts, error)
    where p.destination = $1 and p.position = d.position returning p.*, d.attempts, d.error
  )
  insert into outbox_dead select * from gone
  on conflict (destination, position) do update
    set attempts = excluded.attempts, error = excluded.error, died_at = excluded.died_at`;

const delay = `
  update outbox_parked_keys k set attempts = v.attempts, error = coalesce(v.error, k.error),
    retry_at = case when v.ms is null then 'infinity' else clock_timestamp() + v.ms * interval '1 millisecond' end
  from unnest($2::text[], $3::integer[], $4::float8[], $5::text[]) as v(key, attempts, ms, error)
  where k.destination = $1 and k.key = v.key`;

const release = `
  delete from outbox_parked_keys k
  where destination = $1 and key = any($2) and retry_at < 'infinity'
    and not exists (select from outbox_parked p where p.destination = k.destination and p.key = k.key)
  returning key`;
