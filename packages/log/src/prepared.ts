import { getTableColumns, is, Param, Placeholder, sql, type Table } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import type { QueryResultRow } from "pg";
import { type Database, query, type Transaction } from "./database.ts";

/**
 * A statement that drizzle builds once and every transaction may run, because to build one costs more than most take to
 * run; `sql.placeholder` stands for what varies. (drizzle's own `prepare` binds a statement to one handle.) Rows come as
 * the driver has them; a value that is not given is null. `name` stands for this statement alone.
 */
export function prepared<Values extends Record<string, unknown>, Row extends QueryResultRow = never>(
  name: string,
  build: (database: Database) => { toSQL(): { readonly sql: string; readonly params: unknown[] } },
): (handle: Database | Transaction, values: Values) => Promise<Row[]> {
  const { sql: text, params } = build(drizzle.mock()).toSQL();
  const fills = params.map(fillOf);
  return (handle, values) =>
    query<Row>(
      handle,
      name,
      text,
      fills.map((fill) => fill(values)),
    );
}

type Fill = (values: Readonly<Record<string, unknown>>) => unknown;

/** How a parameter gets its value; the encoder of a column knows nothing of null. */
function fillOf(param: unknown): Fill {
  if (is(param, Placeholder)) return (values) => values[param.name] ?? null;
  if (!is(param, Param) || !is(param.value, Placeholder)) return () => param;
  const fill = fillOf(param.value);
  return (values) => {
    const value = fill(values);
    return value === null ? null : param.encoder.mapToDriverValue(value);
  };
}

/** A placeholder for each column of a table, by its key. */
export function placeholdersOf<Of extends Table>(
  table: Of,
): { readonly [Key in keyof Of["_"]["columns"]]: Placeholder } {
  const keys = Object.keys(getTableColumns(table));
  return Object.fromEntries(keys.map((key) => [key, sql.placeholder(key)])) as ReturnType<typeof placeholdersOf<Of>>;
}
