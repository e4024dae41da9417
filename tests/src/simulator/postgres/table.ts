import type { Row, Transaction } from "./engine.ts";

/** Rows by primary key. */
export type Table<Value extends object> = {
  /** The row as this transaction sees it. */
  get(tx: Transaction, key: string): Value | undefined;
  all(tx: Transaction): Value[];
  /** As everyone sees them. */
  committed(): Value[];
  /** Waits for whoever is at the row, then returns it, locked. */
  lock(tx: Transaction, key: string): Generator<Transaction, Value | undefined, void>;
  /** Writes a row that is locked; `undefined` deletes it. */
  set(tx: Transaction, key: string, value: Value | undefined): void;
};

export function createTable<Value extends object>(): Table<Value> {
  const rows = new Map<string, Row<Value>>();

  function rowOf(key: string): Row<Value> {
    const known = rows.get(key);
    if (known !== undefined) return known;
    const row: Row<Value> = { value: undefined, next: undefined, writer: undefined };
    rows.set(key, row);
    return row;
  }

  /** A loop: nothing else is asked as often in a run. */
  function collect(see: (row: Row<Value>) => Value | undefined): Value[] {
    const values: Value[] = [];
    for (const row of rows.values()) {
      const value = see(row);
      if (value !== undefined) values.push(value);
    }
    return values;
  }

  return {
    get: (tx, key) => seenBy(tx, rows.get(key)),
    all: (tx) => collect((row) => seenBy(tx, row)),
    committed: () => collect(({ value }) => value),
    *lock(tx, key) {
      const row = rowOf(key);
      while (row.writer !== undefined && row.writer !== tx) yield row.writer;
      take(tx, row);
      return row.next;
    },
    set(tx, key, value) {
      const row = rowOf(key);
      if (row.writer !== undefined && row.writer !== tx) throw new Error(`Row ${key} was written without its lock`);
      take(tx, row);
      row.next = value;
    },
  };
}

function seenBy<Value extends object>(tx: Transaction, row: Row<Value> | undefined): Value | undefined {
  return row?.writer === tx ? row.next : row?.value;
}

function take<Value extends object>(tx: Transaction, row: Row<Value>): void {
  if (row.writer === tx) return;
  row.writer = tx;
  row.next = row.value;
  tx.written.add(row as Row<object>);
}
