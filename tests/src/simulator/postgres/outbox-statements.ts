import type { Transaction } from "./engine.ts";
import { onlyServer } from "./log-statements.ts";
import { type OutboxRow, slotOf } from "./schema.ts";
import type { Server, Statements } from "./statements.ts";

const hourMs = 3_600_000;

type Draft = Omit<OutboxRow, "position" | "slot" | "sequence" | "wire"> & {
  readonly head: string;
  readonly tail: string;
};

/** What `@throughline/outbox` asks of the outbox itself. */
export const outboxStatements: Statements = {
  outbox_enqueue_one: function* (tx, server, values) {
    const [source, ...row] = values as string[];
    yield* insertDrafts(tx, server, [toDraft(source ?? "", row)]);
    return [];
  },
  outbox_enqueue: function* (tx, server, values) {
    const [source, ...columns] = values as [string, ...(string | null)[][]];
    const drafts = (columns[0] ?? []).map((_, nth) =>
      toDraft(
        source,
        columns.map((column) => column[nth] ?? null),
      ),
    );
    yield* insertDrafts(tx, server, drafts);
    return [];
  },
  outbox_read(tx, { schema }, values) {
    const [after, end, limit, lanes, lane, destination, wholeBytes, server] = values as [
      ...[after: number, end: number, limit: number],
      ...[lanes: number, lane: number, destination: string, wholeBytes: number, server: number],
    ];
    const types = schema.destinations.get(tx, destination)?.types ?? null;
    if (server !== onlyServer) return [];
    return schema.outbox
      .all(tx)
      .filter(({ position, slot }) => position > after && position <= end && slot % lanes === lane)
      .filter(({ type }) => types === null || types.includes(type))
      .sort((one, other) => one.position - other.position)
      .slice(0, limit)
      .map((row) => ({ ...row, bytes: Buffer.byteLength(row.wire) }))
      .map((row) => (row.bytes <= wholeBytes ? row : { ...row, wire: null }));
  },
  outbox_count_relays: function* (tx, { schema, clockMs }, values) {
    const [destination, owner, leaseMs] = values as [string, string, number];
    const now = clockMs();
    yield* schema.relays.lock(tx, `${destination} ${owner}`);
    schema.relays.set(tx, `${destination} ${owner}`, { destination, owner, seenUntil: now + leaseMs });
    const others = schema.relays.all(tx).filter((one) => one.destination === destination && one.owner !== owner);
    return [{ relays: 1 + others.filter(({ seenUntil }) => seenUntil > now).length }];
  },
  outbox_leave: function* (tx, { schema }, values) {
    const [destination, owner] = values as [string, string];
    yield* schema.relays.lock(tx, `${destination} ${owner}`);
    schema.relays.set(tx, `${destination} ${owner}`, undefined);
    return [];
  },
  outbox_note_destination: function* (tx, { schema }, values) {
    const [destination, types] = values as [string, string[] | null];
    const known = yield* schema.destinations.lock(tx, destination);
    const both = known?.types && types && [...new Set([...known.types, ...types])];
    schema.destinations.set(tx, destination, { destination, types: known === undefined ? types : (both ?? null) });
    return [{ isNew: known === undefined }];
  },
  outbox_narrow_destination: function* (tx, { schema, clockMs }, values) {
    const [destination, types, owner] = values as [string, string[] | null, string];
    const now = clockMs();
    const others = schema.relays.all(tx).filter((one) => one.destination === destination);
    yield* schema.relays.lock(tx, `${destination} ${owner}`);
    schema.relays.set(tx, `${destination} ${owner}`, { destination, owner, seenUntil: now });
    if (others.some(({ seenUntil }) => seenUntil > now - hourMs)) return [];
    yield* schema.destinations.lock(tx, destination);
    schema.destinations.set(tx, destination, { destination, types });
    return [];
  },
  // Nothing is neglected in the seconds that a run lasts.
  outbox_destination_names() {
    return [];
  },
  // Partitions are for size, of which a simulation has none: one is large enough.
  outbox_last_position() {
    return [{ last: 0 }];
  },
  outbox_partitions() {
    return [{ name: "outbox_p1", from: 1, to: Number.MAX_SAFE_INTEGER }];
  },
  outbox_passed() {
    return [{ position: 0 }];
  },
  outbox_empty_default() {
    return [];
  },
};

function toDraft(source: string, values: readonly (string | null)[]): Draft {
  const [key, type, id, version, timestamp, correlationId, causationId, traceparent, head, tail] = values as string[];
  if (!key || !type || !id || !version || !timestamp || !correlationId || !head || !tail)
    throw new Error(`The statement that enqueues has other columns than the simulator knows: ${values}`);
  const optional = { causationId: causationId ?? null, traceparent: traceparent ?? null };
  return { source, key, type, id, version, timestamp, correlationId, ...optional, head, tail };
}

function* insertDrafts(tx: Transaction, { schema }: Server, drafts: readonly Draft[]) {
  const sequences = new Map<string, number>();
  for (const key of [...new Set(drafts.map((draft) => draft.key))].sort()) {
    const name = `${drafts[0]?.source} ${key}`;
    const last = (yield* schema.sequences.lock(tx, name))?.last ?? 0;
    sequences.set(key, last);
    schema.sequences.set(tx, name, { last: last + drafts.filter((draft) => draft.key === key).length });
  }
  // The statement trigger.
  if (!schema.pins.has(tx)) schema.pins.set(tx, schema.lastPosition);
  for (const { head, tail, ...draft } of drafts) {
    yield;
    schema.lastPosition += 1;
    const sequence = (sequences.get(draft.key) ?? 0) + 1;
    sequences.set(draft.key, sequence);
    const wire = `${head},"sequence":${sequence},${tail}`;
    const row = { ...draft, position: schema.lastPosition, slot: slotOf(draft.key), sequence, wire };
    schema.outbox.set(tx, String(row.position), row);
  }
}
