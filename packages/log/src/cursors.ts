import { type Database, query, type Transaction } from "./database.ts";
import type { Log } from "./log.ts";

/** One reader's place in one lane of a log, held by one owner at a time. Immutable: a move gives a new one. */
export type Cursor = {
  readonly log: string;
  readonly reader: string;
  readonly lane: number;
  /** The log is read up to here. */
  readonly position: number;
  /** Grows with every claim. A cursor of an older epoch moves nothing: its holder has been succeeded. */
  readonly epoch: number;
  /** When the server was started that it was claimed of: another one may have taken over without the last commits. */
  readonly server: number;
};

/** In SQL: what the `server` of a cursor is compared with. */
export const thisServer = "extract(epoch from pg_postmaster_start_time())::float8";

export type CursorClaim = {
  /** Who reads: a destination, a projection. */
  readonly reader: string;
  /** Default: 0. */
  readonly lane?: number;
  /** Who holds the lease: unique to this process and reader, since an owner may claim again what it holds. */
  readonly owner: string;
  /** How long, in milliseconds of the database's clock, nobody else may claim. Default: 30,000. */
  readonly leaseMs?: number;
};

/** Takes the cursor; `undefined` while somebody else's lease lasts. Throws where there is none: `openCursors` makes it. */
export async function claimCursor(
  handle: Database | Transaction,
  log: Log,
  { reader, lane = 0, owner, leaseMs = 30_000 }: CursorClaim,
): Promise<Cursor | undefined> {
  const [row] = await query<{ position: number | null; epoch: number | null; server: number }>(
    handle,
    "log_claim_cursor",
    `with claimed as (
       update log_cursors
       set epoch = epoch + 1, owner = $4, leased_until = clock_timestamp() + $5 * interval '1 millisecond'
       where log = $1 and reader = $2 and lane = $3
         and (leased_until is null or leased_until < clock_timestamp() or owner = $4)
       returning position::float8 as position, epoch::float8 as epoch
     )
     select claimed.*, ${thisServer} as server from log_cursors left join claimed on true
     where log = $1 and reader = $2 and lane = $3`,
    [log.table, reader, lane, owner, leaseMs],
  );
  if (row === undefined) {
    throw new Error(
      `Reader ${reader} of log ${log.table} has no lane ${lane}: it was never opened, or forgotten since`,
    );
  }
  const { position, epoch, server } = row;
  if (position === null || epoch === null) return undefined;
  return { log: log.table, reader, lane, position, epoch, server };
}

/**
 * Moves the cursor and renews its lease. `undefined` says that a newer claim exists, or that the server is another one, or
 * was started anew; and nothing moved: stand down, and roll back what was to commit together with the move.
 */
export async function moveCursor(
  handle: Database | Transaction,
  cursor: Cursor,
  position: number,
  { leaseMs = 30_000 }: { readonly leaseMs?: number } = {},
): Promise<Cursor | undefined> {
  const moved = await query(
    handle,
    "log_move_cursor",
    `update log_cursors set position = $5, leased_until = clock_timestamp() + $6 * interval '1 millisecond'
     where log = $1 and reader = $2 and lane = $3 and epoch = $4 and ${thisServer} = $7 returning 1`,
    [cursor.log, cursor.reader, cursor.lane, cursor.epoch, position, leaseMs, cursor.server],
  );
  return moved.length === 1 ? { ...cursor, position } : undefined;
}

/** Renews the lease without moving. False where `moveCursor` would be refused: stand down. */
export async function renewCursor(
  handle: Database | Transaction,
  cursor: Cursor,
  { leaseMs = 30_000 }: { readonly leaseMs?: number } = {},
): Promise<boolean> {
  const renewed = await query(
    handle,
    "log_renew_cursor",
    `update log_cursors set leased_until = clock_timestamp() + $5 * interval '1 millisecond'
     where log = $1 and reader = $2 and lane = $3 and epoch = $4 and ${thisServer} = $6 returning 1`,
    [cursor.log, cursor.reader, cursor.lane, cursor.epoch, leaseMs, cursor.server],
  );
  return renewed.length === 1;
}

/** Ends the lease, so that the next claim need not wait for it. Releases nothing that somebody else has claimed since. */
export async function releaseCursor(handle: Database | Transaction, cursor: Cursor): Promise<void> {
  await query(
    handle,
    "log_release_cursor",
    `update log_cursors set owner = null, leased_until = null
     where log = $1 and reader = $2 and lane = $3 and epoch = $4`,
    [cursor.log, cursor.reader, cursor.lane, cursor.epoch],
  );
}
