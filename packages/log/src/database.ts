import type { NodePgDatabase } from "drizzle-orm/node-postgres";
import pg, { type QueryResultRow } from "pg";
import { clientOf } from "./client-of.ts";
import { hasEnded } from "./confine.ts";

/** `drizzle(pool)`. */
export type Database = NodePgDatabase;

/** What `database.transaction` hands to its callback. */
export type Transaction = Parameters<Parameters<Database["transaction"]>[0]>[0];

/**
 * Runs a named prepared statement, which Postgres parses once per connection: a name stands for one text, always.
 * Numbers of type bigint come as strings. Fails with an `Error` whose `cause` is the driver's, with its `code`; the
 * values, which may be large or private, are in neither message.
 */
export async function query<Row extends QueryResultRow>(
  handle: Database | Transaction,
  name: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  if (hasEnded(handle)) throw new Error(`Statement ${name} is too late: its savepoint has ended`);
  try {
    return (await clientOf(handle).query<Row>({ name, text, types }, values as unknown[])).rows;
  } catch (cause) {
    throw new Error(`Statement ${name} failed: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

const { DATE, INTERVAL, TIMESTAMP, TIMESTAMPTZ } = pg.types.builtins;
const times = new Set<number>([DATE, INTERVAL, TIMESTAMP, TIMESTAMPTZ]);
/** Times as Postgres writes them, which is how drizzle's columns expect them. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (type, format) => (times.has(type) ? String : pg.types.getTypeParser(type, format)),
};

/** The text as Postgres can keep it, which keeps every character but NUL. */
export function storable(text: string): string {
  return text.replaceAll("\0", "\u{fffd}");
}
