import { type Database, query, type Transaction } from "./database.ts";

/** An append-only table whose `position` comes from a sequence and whose inserts are pinned by `log_pin`. */
export type Log = {
  /** The table, as written in SQL: `outbox`. */
  readonly table: string;
  /** The sequence behind `position`, with CACHE 1: `outbox_position_seq`. */
  readonly sequence: string;
  /** 1 to 32,767, unique in the database: the second argument of the table's `log_pin` trigger. */
  readonly namespace: number;
};

export type LogQuery = {
  /** Names the prepared statement: one name, one text. */
  readonly name: string;
  /** What to select besides `position`: `"stream_id, type, data"`. */
  readonly columns: string;
  /** A further condition; its parameters begin at `$4`: `"slot % $4 = $5"`. Default: none. */
  readonly where?: string;
  readonly values?: readonly unknown[];
};

export type LogRange = {
  readonly after: number;
  /** Rows at most. Default: 500. */
  readonly limit?: number;
  /** What `readLimit` said some time ago, of this same primary: there it stays true. Default: it is asked now. */
  readonly end?: number;
};

export type LogPage<Row> = {
  /** In order of their positions; `position` is a number. */
  readonly rows: readonly (Row & { readonly position: number })[];
  /** The log is read up to here, gaps and filtered rows included: the next `after`, and where the cursor goes. */
  readonly upTo: number;
};

/**
 * The rows after a position, and none that a lower one may still follow: what is returned never changes and is never
 * preceded by something later. Where somebody is still writing, the page ends early; `whatHoldsBack` says who.
 *
 * Why that holds. Three things are asked, in this order, each with a snapshot that is newer than the answer before: the end
 * of the sequence; the lowest pin that is held; the rows up to the lower of the two. Take any position up to there. It was
 * drawn before the first answer, after its transaction had pinned below it. Either that pin was still held at the second
 * question, and the limit is below the position after all; or the transaction had ended. Postgres makes a commit visible
 * before it releases the locks of its transaction: where the pin was gone, the rows were there for the third question, or,
 * after a rollback, never will be.
 */
export async function readLog<Row extends object>(
  handle: Database | Transaction,
  log: Log,
  { name, columns, where, values = [] }: LogQuery,
  { after, limit = 500, end: known }: LogRange,
): Promise<LogPage<Row>> {
  const end = known ?? (await readLimit(handle, log));
  if (end <= after) return { rows: [], upTo: after };
  const condition = where === undefined ? "" : ` and (${where})`;
  const rows = await query<Row & { position: number }>(
    handle,
    name,
    `select position::float8 as position, ${columns} from ${log.table}
     where position > $1 and position <= $2${condition} order by ${log.table}.position limit $3`,
    [after, end, limit, ...values],
  );
  const last = rows.at(-1);
  return { rows, upTo: last !== undefined && rows.length === limit ? last.position : end };
}

/** Up to where the log may be read at this moment: the cheap question whether there is anything new. */
export async function readLimit(handle: Database | Transaction, log: Log): Promise<number> {
  const [row] = await query<{ limit: number }>(
    handle,
    "log_limit",
    `select log_limit($1::regclass, $2)::float8 as "limit"`,
    [log.sequence, log.namespace],
  );
  return row?.limit ?? 0;
}
