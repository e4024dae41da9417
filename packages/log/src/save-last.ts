import { getTableColumns } from "drizzle-orm";
import { getTableConfig, type PgTable } from "drizzle-orm/pg-core";
import { askLast } from "./ask-together.ts";
import { query, type Transaction } from "./database.ts";

/**
 * Makes the function that sets rows of a table with a key of one column at the end of their transaction or savepoint: all
 * in one statement that goes out with the COMMIT, so that nothing in the transaction reads them. A row that is there keeps
 * what is null or not given, and the columns of `once`, which its first setting has given. Values are as JSON has them.
 */
export function saveLast<Of extends PgTable>(
  table: Of,
  { once = [] }: { readonly once?: readonly (keyof Of["$inferInsert"])[] } = {},
): (tx: Transaction, row: Partial<Of["$inferInsert"]>) => void {
  const { name } = getTableConfig(table);
  const columns = Object.entries(getTableColumns(table)).map(([field, column]) => {
    const isOnce = once.some((other) => other === field);
    return { field, name: column.name, isKey: column.primary, isOnce };
  });
  const [key, ...otherKeys] = columns.filter(({ isKey }) => isKey);
  if (key === undefined || otherKeys.length > 0) throw new Error(`Table ${name} needs a key of one column`);
  const list = columns.map((column) => `"${column.name}"`).join(", ");
  const changes = columns
    .filter(({ isKey, isOnce }) => !isKey && !isOnce)
    .map((column) => `"${column.name}" = coalesce(excluded."${column.name}", known."${column.name}")`);
  // Sorted, so that no two transactions lock two rows the other way round.
  const text = `insert into "${name}" as known (${list})
    select ${list} from json_populate_recordset(null::"${name}", $1) order by "${key.name}"
    on conflict ("${key.name}") do update set ${changes.join(", ")}`;

  type Fields = Readonly<Record<string, unknown>>;
  const save = (tx: Transaction, rows: readonly Fields[]) =>
    query(tx, `save_${name}`, text, [JSON.stringify(mergeAll(rows))]);
  return (tx, row) => askLast<Fields>(tx, save, row);

  /** A statement sets a row once: what is set again is one with what was set before. */
  function mergeAll(rows: readonly Fields[]): Fields[] {
    const byKey = Map.groupBy(rows, (row) => row[key?.field ?? ""]);
    return [...byKey.values()].map((same) => same.reduce<Fields>(merge, {}));
  }

  function merge(merged: Fields, row: Fields): Fields {
    const given = columns.filter(({ field, name, isOnce }) => row[field] != null && !(isOnce && name in merged));
    return { ...merged, ...Object.fromEntries(given.map(({ field, name }) => [name, row[field]])) };
  }
}
