import type { OutboxRow } from "./schema.ts";
import type { Statements } from "./statements.ts";

/** What `@throughline/outbox` asks of its parked and dead messages. */
export const parkingStatements: Statements = {
  outbox_park: function* (tx, { schema, clockMs }, values) {
    const [destination, positions, errorKeys, errors, retryMs] = values as [
      string,
      number[],
      string[],
      string[],
      number,
    ];
    const moved = new Map<string, number>();
    for (const position of positions) {
      const row = schema.outbox.get(tx, String(position));
      if (row === undefined) continue;
      const name = `${destination} ${row.key} ${position}`;
      if ((yield* schema.parked.lock(tx, name)) !== undefined) continue;
      schema.parked.set(tx, name, { ...row, destination });
      moved.set(row.key, row.slot);
    }
    for (const [key, slot] of moved) {
      const name = `${destination} ${key}`;
      if ((yield* schema.parkedKeys.lock(tx, name)) !== undefined) continue;
      const nth = errorKeys.indexOf(key);
      const [attempts, waitMs] = nth < 0 ? [0, 0] : [1, retryMs];
      const error = errors[nth] ?? null;
      schema.parkedKeys.set(tx, name, { destination, key, slot, attempts, retryAt: clockMs() + waitMs, error });
    }
    return [];
  },
  outbox_parked_keys(tx, { schema }, values) {
    return schema.parkedKeys
      .all(tx)
      .filter(isOf(values))
      .map(({ key }) => ({ key }));
  },
  outbox_due_keys(tx, { schema, clockMs }, values) {
    return schema.parkedKeys
      .all(tx)
      .filter(isOf(values))
      .filter(({ retryAt }) => retryAt <= clockMs())
      .sort((one, other) => one.retryAt - other.retryAt)
      .slice(0, 50)
      .map(({ key, attempts }) => ({ key, tries: attempts }));
  },
  outbox_due_rows(tx, { schema }, values) {
    const [destination, keys, keyBytes] = values as [string, string[], number];
    const parked = schema.parked.all(tx).filter((row) => row.destination === destination);
    return keys.flatMap((key) =>
      parked
        .filter((row) => row.key === key)
        .sort(byPosition)
        .slice(0, 20)
        .filter((_, nth, rows) => nth === 0 || bytesOf(rows.slice(0, nth + 1)) <= keyBytes),
    );
  },
  outbox_next_due(tx, { schema, clockMs }, values) {
    const due = schema.parkedKeys
      .all(tx)
      .filter(isOf(values))
      .filter(({ retryAt }) => Number.isFinite(retryAt));
    return [{ ms: due.length === 0 ? null : Math.min(...due.map(({ retryAt }) => retryAt)) - clockMs() }];
  },
  outbox_unpark: function* (tx, { schema }, values) {
    const [destination, positions] = values as [string, number[]];
    for (const row of schema.parked.all(tx)) {
      if (row.destination !== destination || !positions.includes(row.position)) continue;
      const name = `${destination} ${row.key} ${row.position}`;
      if ((yield* schema.parked.lock(tx, name)) !== undefined) schema.parked.set(tx, name, undefined);
    }
    return [];
  },
  outbox_bury: function* (tx, { schema }, values) {
    const [destination, positions, attempts, errors] = values as [string, number[], number[], string[]];
    for (const [nth, position] of positions.entries()) {
      const row = schema.parked.all(tx).find((each) => each.destination === destination && each.position === position);
      if (row === undefined) continue;
      const name = `${destination} ${row.key} ${position}`;
      if ((yield* schema.parked.lock(tx, name)) === undefined) continue;
      schema.parked.set(tx, name, undefined);
      yield* schema.dead.lock(tx, name);
      schema.dead.set(tx, name, { ...row, attempts: attempts[nth] ?? 0, error: errors[nth] ?? "" });
    }
    return [];
  },
  outbox_delay_keys: function* (tx, { schema, clockMs }, values) {
    const [destination, keys, attempts, waits, errors] = values as [
      string,
      string[],
      number[],
      (number | null)[],
      (string | null)[],
    ];
    for (const [nth, key] of keys.entries()) {
      const row = yield* schema.parkedKeys.lock(tx, `${destination} ${key}`);
      if (row === undefined) continue;
      const retryAt = clockMs() + (waits[nth] ?? Number.POSITIVE_INFINITY);
      const changes = { attempts: attempts[nth] ?? 0, retryAt, error: errors[nth] ?? row.error };
      schema.parkedKeys.set(tx, `${destination} ${key}`, { ...row, ...changes });
    }
    return [];
  },
  outbox_release_keys: function* (tx, { schema }, values) {
    const [destination, keys] = values as [string, string[]];
    const released: { key: string }[] = [];
    for (const key of keys) {
      const row = yield* schema.parkedKeys.lock(tx, `${destination} ${key}`);
      const waits = schema.parked.all(tx).some((each) => each.destination === destination && each.key === key);
      if (row === undefined || !Number.isFinite(row.retryAt) || waits) continue;
      schema.parkedKeys.set(tx, `${destination} ${key}`, undefined);
      released.push({ key });
    }
    return released;
  },
};

function isOf(values: readonly unknown[]) {
  const [destination, lanes, number] = values as [string, number, number];
  return (row: { readonly destination: string; readonly slot: number }) =>
    row.destination === destination && row.slot % lanes === number;
}

function bytesOf(rows: readonly OutboxRow[]): number {
  return rows.reduce((sum, { wire }) => sum + Buffer.byteLength(wire), 0);
}

function byPosition(one: OutboxRow, other: OutboxRow): number {
  return one.position - other.position;
}
