import { type Database, type Holder, query, whatHoldsBack } from "@throughline/log";
import type { Destination } from "./destination.ts";
import { outboxLog } from "./outbox-log.ts";
import { unhurried } from "./place.ts";

/** What a destination has and lacks, as the database knows it. */
export type DestinationState = {
  readonly destination: string;
  /** Messages that committed and have not been published, parked ones aside; up to `mostCounted`, in the next 1,000,000 positions. */
  readonly waiting: number;
  /** Age of the oldest of them, in milliseconds; 0 where none waits there. */
  readonly oldestMs: number;
  /** Positions between its slowest lane and the end of the outbox, gaps and other types included. */
  readonly lag: number;
  /** The same of each lane, in their order. */
  readonly byLane: readonly { readonly waiting: number; readonly oldestMs: number; readonly lag: number }[];
  readonly lanes: number;
  /** Lanes that a relay has at this moment. */
  readonly heldLanes: number;
  /** Messages that wait for, or behind, one that was refused. */
  readonly parked: number;
  readonly parkedKeys: number;
  /** Messages that were refused for good, and that nobody has taken over as dead letters yet. */
  readonly dead: number;
  /** The open transaction behind which messages cannot be published yet. */
  readonly heldBackBy?: Holder;
};

export type DestinationStatus = DestinationState & {
  /** Messages that this relay has published since it started. */
  readonly publishedTotal: number;
  /** Why its broker did not take the last publication of this relay; absent where it did. */
  readonly failure?: string;
};

/** Of all destinations that were ever published to, also those that no relay has any more. */
export async function readStates(database: Database): Promise<DestinationState[]> {
  const destinations = await query<{ name: string }>(
    database,
    "outbox_destination_names",
    "select distinct reader as name from log_cursors where log = 'outbox' order by 1",
  );
  const holder = await whatHoldsBack(database, outboxLog);
  return Promise.all(destinations.map(({ name }) => readState(database, name, holder)));
}

/** Of the destinations of one relay. */
export async function readStatus(
  database: Database,
  destinations: readonly Destination[],
): Promise<DestinationStatus[]> {
  const holder = await whatHoldsBack(database, outboxLog);
  return Promise.all(
    destinations.map(async ({ name, publishedTotal, failure }) => ({
      ...(await readState(database, name, holder)),
      publishedTotal,
      ...(failure === undefined ? {} : { failure }),
    })),
  );
}

async function readState(
  database: Database,
  destination: string,
  heldBackBy: Holder | undefined,
): Promise<DestinationState> {
  const [row] = await query<Omit<DestinationState, "destination" | "heldBackBy">>(
    database,
    "outbox_status",
    statusQuery,
    [destination],
  );
  if (row === undefined) throw new Error(`The database told nothing of ${destination}`);
  return { destination, ...row, ...(heldBackBy === undefined ? {} : { heldBackBy }) };
}

/** The lanes of destination `$1`, each with its share of the messages; for a query that begins with `with`. */
export const lanesOfDestination = `lanes as (
    select lane, position, leased_until, count(*) over () as lanes,
      (select types from outbox_destinations where destination = $1) as types
    from log_cursors where log = 'outbox' and reader = $1
  )`;

/** Whether message `o` goes to lane `l`. */
export const isOfLane = "o.slot % l.lanes = l.lane and (l.types is null or o.type = any(l.types))";

// By position from each cursor on, which reads what waits and no more, whatever the planner believes. A relay passes what is
// not for its destination at once, so that little of that lies before the first message that waits, and much may behind it.
const waitingIn = (columns: string, limit: number) => `select ${columns} from outbox o
      where o.position > l.position and o.position <= l.position + 1000000 and ${isOfLane}
      order by o.position limit ${limit}`;

/** So many that wait are counted again and again; `countWaiting` counts all. */
export const mostCounted = 100_000;

/** All that wait for a destination, parked ones aside, however long it takes. */
export async function countWaiting(database: Database, destination: string): Promise<number> {
  const text = `with ${lanesOfDestination} select count(*)::float8 as waiting from lanes l
    join outbox o on o.position > l.position and ${isOfLane}`;
  const [row] = await unhurried(database, (tx) =>
    query<{ waiting: number }>(tx, "outbox_count_waiting", text, [destination]),
  );
  return row?.waiting ?? 0;
}

// Materialized, or each use of what was counted would count it anew.
const statusQuery = `
  with ${lanesOfDestination}, counted as materialized (
    select lane, leased_until, (select count(*)::int from (${waitingIn("1", mostCounted)}) as waiting) as waiting,
      coalesce(extract(epoch from clock_timestamp() - (${waitingIn("o.created_at", 1)})) * 1000, 0)::float8 as "oldestMs",
      coalesce(pg_sequence_last_value('outbox_position_seq') - position, 0)::float8 as lag
    from lanes l
  )
  select coalesce(sum(waiting), 0)::int as waiting, coalesce(max("oldestMs"), 0) as "oldestMs",
    coalesce(max(lag), 0) as lag,
    coalesce(json_agg(json_build_object('waiting', waiting, 'oldestMs', "oldestMs", 'lag', lag) order by lane), '[]')
      as "byLane",
    count(*)::int as lanes,
    count(*) filter (where leased_until > clock_timestamp())::int as "heldLanes",
    (select count(*)::int from outbox_parked where destination = $1) as parked,
    (select count(*)::int from outbox_parked_keys where destination = $1) as "parkedKeys",
    (select count(*)::int from outbox_dead where destination = $1) as dead
  from counted`;
