import { type Database, query, type Transaction } from "./database.ts";
import type { Log } from "./log.ts";

/** One lane of a reader, as it stands. */
export type ReaderLane = {
  readonly lane: number;
  /** It is read up to here. */
  readonly position: number;
  /** Somebody's lease lasts. */
  readonly isHeld: boolean;
  /** Whose it is, or was last; absent where it was given back. */
  readonly owner?: string;
  /** How long the lease lasts yet, in milliseconds; 0 where it does not. */
  readonly heldForMs: number;
};

/**
 * Makes the cursors of a reader, where it is new, at a position (default: 0). Throws where the reader has another number of
 * lanes: rows of one key would be in two lanes at once.
 */
export async function openCursors(
  handle: Database | Transaction,
  log: Log,
  reader: string,
  { lanes, position = 0 }: { readonly lanes: number; readonly position?: number },
): Promise<void> {
  await query(
    handle,
    "log_open_cursors",
    `insert into log_cursors (log, reader, lane, position)
     select $1, $2, lane, $4 from generate_series(0, $3 - 1) as lane
     where not exists (select from log_cursors where log = $1 and reader = $2) on conflict do nothing`,
    [log.table, reader, lanes, position],
  );
  const [found] = await query<{ lanes: number }>(
    handle,
    "log_count_lanes",
    "select count(*)::int as lanes from log_cursors where log = $1 and reader = $2",
    [log.table, reader],
  );
  if (found?.lanes === lanes) return;
  throw new Error(
    `Reader ${reader} of log ${log.table} has ${found?.lanes} lanes and was started with ${lanes}. To change them, stop ` +
      "all its processes, then replace its rows in log_cursors by new ones at the lowest of their positions.",
  );
}

/** The lanes of a reader; none where nobody of that name has ever read. */
export async function readLanes(handle: Database | Transaction, log: Log, reader: string): Promise<ReaderLane[]> {
  const rows = await query<Omit<ReaderLane, "isHeld" | "owner"> & { readonly owner: string | null }>(
    handle,
    "log_read_lanes",
    `select lane, position::float8 as position, owner,
       coalesce(greatest(0, extract(epoch from leased_until - clock_timestamp()) * 1000), 0)::float8 as "heldForMs"
     from log_cursors where log = $1 and reader = $2 order by lane`,
    [log.table, reader],
  );
  return rows.map(({ owner, ...lane }) => ({
    ...{ ...lane, isHeld: lane.heldForMs > 0 },
    ...(owner === null ? {} : { owner }),
  }));
}

/**
 * Puts a reader, in all its lanes, to another position: 0 to read everything again. Whoever holds a lease is fenced off
 * by the new epoch, claims again and goes on from there.
 */
export async function resetCursor(
  handle: Database | Transaction,
  log: Log,
  reader: string,
  position: number,
): Promise<void> {
  await query(
    handle,
    "log_reset_cursor",
    `update log_cursors set position = $3, epoch = epoch + 1, owner = null, leased_until = null
     where log = $1 and reader = $2`,
    [log.table, reader, position],
  );
}

/**
 * Sends a reader back to a position, as `resetCursor` does, but for lanes that have not come that far yet: these stay, and
 * keep their owner. Returns, for the others, up to where they had read.
 */
export function rewindCursor(
  handle: Database | Transaction,
  log: Log,
  reader: string,
  position: number,
): Promise<Pick<ReaderLane, "lane" | "position">[]> {
  return query<Pick<ReaderLane, "lane" | "position">>(
    handle,
    "log_rewind_cursor",
    `with ahead as (
       select lane, position from log_cursors where log = $1 and reader = $2 and position > $3 order by lane for update
     )
     update log_cursors c set position = $3, epoch = epoch + 1, owner = null, leased_until = null from ahead
     where c.log = $1 and c.reader = $2 and c.lane = ahead.lane
     returning c.lane, ahead.position::float8 as position`,
    [log.table, reader, position],
  );
}

/** Forgets a reader, with its place. False, and nothing done, where somebody's lease lasts. */
export async function dropCursors(tx: Transaction, log: Log, reader: string): Promise<boolean> {
  const [found] = await query<{ held: boolean | null }>(
    tx,
    "log_lock_cursors",
    `select bool_or(leased_until > clock_timestamp()) as held from (
       select leased_until from log_cursors where log = $1 and reader = $2 order by lane for update) lanes`,
    [log.table, reader],
  );
  if (found?.held) return false;
  await query(tx, "log_drop_cursors", "delete from log_cursors where log = $1 and reader = $2", [log.table, reader]);
  return true;
}
