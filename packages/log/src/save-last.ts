import { createHash } from "node:crypto";
import { getTableColumns } from "drizzle-orm";
import { getTableConfig, type PgTable } from "drizzle-orm/pg-core";
import { askLast } from "./ask-together.ts";
import { query, type Transaction } from "./database.ts";

/** The values of a row as JSON, by column. */
type Fields = Readonly<Record<string, string>>;

/**
 * Makes the function that sets rows of a table with a key of one column at the end of their transaction or savepoint: all
 * in one statement that goes out with the COMMIT, so that nothing in the transaction reads them. A row that is there keeps
 * what is null or not given, and the columns of `once`, which its first setting has given. Throws for a value that JSON has
 * not (bigint, NaN, bytes), and for another kind of table.
 */
export function saveLast<Of extends PgTable>(
  table: Of,
  { once = [] }: { readonly once?: readonly (keyof Of["$inferInsert"])[] } = {},
): (tx: Transaction, row: Partial<Of["$inferInsert"]>) => void {
  const { name: tableName, schema } = getTableConfig(table);
  const columns = Object.entries(getTableColumns(table)).map(([field, column]) => {
    return { field, name: column.name, isKey: column.primary, isOnce: once.some((other) => other === field) };
  });
  const [key, ...otherKeys] = columns.filter(({ isKey }) => isKey);
  if (key === undefined || otherKeys.length > 0) throw new Error(`Table ${tableName} needs a key of one column`);
  if (schema !== undefined) throw new Error(`Table ${tableName} is found by its name alone, and has schema ${schema}`);
  const changing = columns.filter(({ isKey, isOnce }) => !isKey && !isOnce);
  const text = textFor(tableName, key.name, { columns: namesOf(columns), changing: namesOf(changing) });
  // A name stands for one text.
  const statement = `save_${tableName}_${createHash("sha256").update(text).digest("hex").slice(0, 8)}`;
  const keyName = key.name;
  const onces = new Set(namesOf(columns.filter(({ isOnce }) => isOnce)));

  const save = (tx: Transaction, rows: readonly Fields[]) => query(tx, statement, text, [mergeAll(rows)]);
  return (tx, row) => askLast(tx, save, encode(row));

  function encode(row: Readonly<Record<string, unknown>>): Fields {
    const given = columns.filter(({ field }) => row[field] !== undefined && row[field] !== null);
    return Object.fromEntries(given.map(({ field, name }) => [name, toJson(`${tableName}.${name}`, row[field])]));
  }

  /** A statement sets a row once: what is set again is one with what was set before. */
  function mergeAll(rows: readonly Fields[]): string {
    const byKey = Map.groupBy(rows, (row) => row[keyName]);
    const merged = Array.from(byKey.values(), (same) => same.reduce(merge));
    return `[${merged.map((row) => `{${Object.entries(row).map(toMember).join()}}`).join()}]`;
  }

  function merge(earlier: Fields, later: Fields): Fields {
    return { ...later, ...earlier, ...Object.fromEntries(Object.entries(later).filter(([name]) => !onces.has(name))) };
  }
}

// Sorted, so that no two transactions lock two rows the other way round.
function textFor(
  table: string,
  key: string,
  { columns, changing }: { readonly columns: readonly string[]; readonly changing: readonly string[] },
): string {
  const list = columns.map((name) => `"${name}"`).join(", ");
  const changes = changing.map((name) => `"${name}" = coalesce(excluded."${name}", known."${name}")`);
  return `insert into "${table}" as known (${list})
    select ${list} from json_populate_recordset(null::"${table}", $1) order by "${key}"
    on conflict ("${key}") do ${changes.length > 0 ? `update set ${changes.join(", ")}` : "nothing"}`;
}

function toJson(column: string, value: unknown): string {
  const json = value instanceof Uint8Array ? undefined : JSON.stringify(isText(value) ? value.toWellFormed() : value);
  if (json === undefined || json === "null") throw new Error(`${column}: ${value} is nothing that JSON has`);
  return json;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function toMember([name, json]: readonly [string, string]): string {
  return `${JSON.stringify(name)}:${json}`;
}

function namesOf(columns: readonly { readonly name: string }[]): string[] {
  return columns.map(({ name }) => name);
}
