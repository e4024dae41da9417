import { query } from "@throughline/log";
import type { Outcome } from "./destination.ts";
import { judge } from "./judge.ts";
import type { Lane } from "./lane.ts";
import type { Lease } from "./lease.ts";
import { backOffMs } from "./pause.ts";
import { type Row, rowColumns, toEnvelope } from "./rows.ts";

export type ParkingPolicy = {
  /** Before the second try, in milliseconds; it doubles with each further one, with jitter, to 5 minutes. */
  readonly retryMs: number;
  readonly tries: number;
  readonly afterDead: "continue" | "hold";
};

/** The keys of one lane whose next message was refused. Their messages wait in a table of their own, the lane goes on. */
export type Parking = {
  readonly keys: ReadonlySet<string>;
  isDue(): boolean;
  dueInMs(): number;
  /** Sets messages aside and moves the cursor past them, both or neither. */
  park(lease: Lease, rows: readonly Row[], refused: ReadonlyMap<string, Error>, upTo: number): Promise<void>;
  /** Publishes what is due, each key from its first message on; a key whose messages are all out is parked no more. */
  retry(lease: Lease): Promise<void>;
};

/** How often, in milliseconds, a lane looks whether a person has released a key; and how long it sleeps without any. */
const lookMs = 5_000;
const sleepMs = 60_000;

type LaneOfKeys = Pick<Lane, "database" | "destination" | "number" | "lanes" | "policy" | "onError">;

export async function openParking(lane: LaneOfKeys): Promise<Parking> {
  const { database, destination, policy } = lane;
  const found = await query<{ key: string }>(
    database,
    "outbox_parked_keys",
    "select key from outbox_parked_keys where destination = $1 and slot % $2 = $3",
    [destination.name, lane.lanes, lane.number],
  );
  const keys = new Set(found.map(({ key }) => key));
  let dueAt = keys.size > 0 ? performance.now() : Number.POSITIVE_INFINITY;

  async function lookAhead(): Promise<void> {
    const waitMs = keys.size === 0 ? Number.POSITIVE_INFINITY : Math.min(lookMs, await readNextDue(lane));
    dueAt = performance.now() + waitMs;
  }

  return {
    keys,
    isDue: () => performance.now() >= dueAt,
    dueInMs: () => Math.min(sleepMs, Math.max(0, dueAt - performance.now())),
    async park(lease, rows, refused, upTo) {
      await database.transaction(async (tx) => {
        await query(tx, "outbox_park", parking, [
          destination.name,
          rows.map(({ position }) => position),
          ...toErrors(rows, refused),
          withJitter(policy.retryMs),
        ]);
        await lease.move(tx, upTo);
      });
      for (const { key } of rows) keys.add(key);
      await lookAhead();
    },
    async retry(lease) {
      const parked = await readDue(lane);
      const { refused, unknown } = await publishDue(lane, lease, parked);
      for (const [id, cause] of refused) lane.onError(new Error(`${destination.name} refused ${id} again`, { cause }));
      const [first] = unknown.values();
      if (first)
        lane.onError(new Error(`${destination.name} may lack ${unknown.size} parked messages`, { cause: first }));
      const verdict = judge(parked, { refused, unknown }, policy, (attempt) =>
        withJitter(backOffMs(attempt, policy.retryMs, 300_000)),
      );
      const released = await database.transaction(async (tx) => {
        await query(tx, "outbox_unpark", "delete from outbox_parked where destination = $1 and position = any($2)", [
          destination.name,
          verdict.delivered,
        ]);
        await query(tx, "outbox_bury", burial, [destination.name, ...verdict.dead]);
        await query(tx, "outbox_delay_keys", delay, [destination.name, ...verdict.keys]);
        const empty = await query<{ key: string }>(tx, "outbox_release_keys", release, [
          destination.name,
          verdict.keys[0],
        ]);
        await lease.move(tx, lease.position);
        return empty;
      });
      for (const { key } of released) keys.delete(key);
      await lookAhead();
    },
  };
}

/** The first messages of the keys that are due, and keys that are due without having any. */
async function readDue(lane: LaneOfKeys): Promise<DueKeys> {
  const keys = await query<{ key: string; tries: number }>(
    lane.database,
    "outbox_due_keys",
    `select key, attempts as tries from outbox_parked_keys
     where destination = $1 and slot % $2 = $3 and retry_at <= clock_timestamp() order by retry_at limit 50`,
    [lane.destination.name, lane.lanes, lane.number],
  );
  const rows = await query<Row>(
    lane.database,
    "outbox_due_rows",
    `select r.* from unnest($2::text[]) with ordinality as due(key, nth), lateral (
       select position::float8 as position, ${rowColumns} from outbox_parked p
       where p.destination = $1 and p.key = due.key order by p.position limit 20
     ) r order by nth, r.position`,
    [lane.destination.name, keys.map(({ key }) => key)],
  );
  return { keys, rows };
}

export type DueKeys = {
  readonly keys: readonly { readonly key: string; readonly tries: number }[];
  /** By key, in order. */
  readonly rows: readonly Row[];
};

async function publishDue(lane: LaneOfKeys, lease: Lease, { rows }: DueKeys): Promise<Outcome> {
  if (rows.length === 0) return { refused: new Map(), unknown: new Map() };
  await lease.confirm();
  return lane.destination.publish(rows.map(toEnvelope));
}

async function readNextDue({ database, destination, lanes, number }: LaneOfKeys): Promise<number> {
  const [row] = await query<{ ms: number | null }>(
    database,
    "outbox_next_due",
    `select (extract(epoch from min(retry_at) - clock_timestamp()) * 1000)::float8 as ms from outbox_parked_keys
     where destination = $1 and slot % $2 = $3 and retry_at < 'infinity'`,
    [destination.name, lanes, number],
  );
  return row?.ms ?? Number.POSITIVE_INFINITY;
}

/** The keys that were refused, and with what; rows that only wait behind them have no error of their own. */
function toErrors(rows: readonly Row[], refused: ReadonlyMap<string, Error>): [string[], string[]] {
  const errors = new Map<string, string>();
  for (const { id, key } of rows) {
    const error = refused.get(id);
    if (error && !errors.has(key)) errors.set(key, error.message);
  }
  return [[...errors.keys()], [...errors.values()]];
}

/** Late, never early: up to half as much again, so that keys refused together do not come back together. */
function withJitter(ms: number): number {
  return ms * (1 + Math.random() / 2);
}

// A key that has rows here and no entry of its own is due at once.
const parking = `
  with moved as (
    insert into outbox_parked select $1, o.* from outbox o where o.position = any($2::bigint[])
    on conflict do nothing returning key, slot
  )
  insert into outbox_parked_keys (destination, key, slot, attempts, retry_at, error)
  select $1, m.key, m.slot, case when e.key is null then 0 else 1 end,
    clock_timestamp() + case when e.key is null then 0 else $5::float8 end * interval '1 millisecond', e.error
  from (select distinct key, slot from moved) m left join unnest($3::text[], $4::text[]) as e(key, error) on e.key = m.key
  on conflict do nothing`;

const burial = `
  with gone as (
    delete from outbox_parked p using unnest($2::bigint[], $3::integer[], $4::text[]) as d(position, attempts, error)
    where p.destination = $1 and p.position = d.position returning p.*, d.attempts, d.error
  )
  insert into outbox_dead select * from gone`;

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
