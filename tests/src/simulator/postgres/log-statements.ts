import type { Statements } from "./statements.ts";

type Claim = [log: string, reader: string, lane: number, owner: string, leaseMs: number];
type Held = [log: string, reader: string, lane: number, epoch: number];

/** None takes over in the simulator. */
export const onlyServer = 1;

/** What `@throughline/log` asks. */
export const logStatements: Statements = {
  log_top_21587(tx, { schema }) {
    return [{ position: Math.max(0, ...schema.outbox.all(tx).map(({ position }) => position)) }];
  },
  log_check_21587(_, { schema }) {
    return [{ last: schema.lastPosition, cache: 1, pinned: true }];
  },
  log_limit: function* (_, { schema }) {
    const last = schema.lastPosition;
    yield;
    for (const tx of schema.pins.keys()) if (!tx.holdsLocks) schema.pins.delete(tx);
    return [{ limit: Math.min(last, ...schema.pins.values()) }];
  },
  log_holder_21587() {
    return [];
  },
  log_open_cursors: function* (tx, { schema }, values) {
    const [, reader, lanes, position] = values as [string, string, number, number];
    for (let lane = 0; lane < lanes; lane++) {
      const key = `${reader} ${lane}`;
      const cursor = { reader, lane, position, epoch: 0, owner: null, leasedUntil: null };
      if ((yield* schema.cursors.lock(tx, key)) === undefined) schema.cursors.set(tx, key, cursor);
    }
    return [];
  },
  log_count_lanes(tx, { schema }, [, reader]) {
    return [{ lanes: schema.cursors.all(tx).filter((cursor) => cursor.reader === reader).length }];
  },
  log_claim_cursor: function* (tx, { schema, clockMs }, values) {
    const [, reader, lane, owner, leaseMs] = values as Claim;
    const key = `${reader} ${lane}`;
    const known = yield* schema.cursors.lock(tx, key);
    if (known === undefined) return [];
    const { position, leasedUntil } = known;
    const isFree = leasedUntil === null || leasedUntil < clockMs() || known.owner === owner;
    if (!isFree) return [{ position: null, epoch: null, server: onlyServer }];
    const epoch = known.epoch + 1;
    schema.cursors.set(tx, key, { reader, lane, position, epoch, owner, leasedUntil: clockMs() + leaseMs });
    return [{ position, epoch, server: onlyServer }];
  },
  log_move_cursor: function* (tx, { schema, clockMs }, values) {
    const [, reader, lane, epoch, position, leaseMs, server] = values as [...Held, number, number, number];
    const cursor = yield* schema.cursors.lock(tx, `${reader} ${lane}`);
    if (cursor?.epoch !== epoch || server !== onlyServer) return [];
    schema.cursors.set(tx, `${reader} ${lane}`, { ...cursor, position, leasedUntil: clockMs() + leaseMs });
    return [{}];
  },
  log_renew_cursor: function* (tx, { schema, clockMs }, values) {
    const [, reader, lane, epoch, leaseMs, server] = values as [...Held, number, number];
    const cursor = yield* schema.cursors.lock(tx, `${reader} ${lane}`);
    if (cursor?.epoch !== epoch || server !== onlyServer) return [];
    schema.cursors.set(tx, `${reader} ${lane}`, { ...cursor, leasedUntil: clockMs() + leaseMs });
    return [{}];
  },
  log_release_cursor: function* (tx, { schema }, values) {
    const [, reader, lane, epoch] = values as Held;
    const cursor = yield* schema.cursors.lock(tx, `${reader} ${lane}`);
    if (cursor?.epoch === epoch)
      schema.cursors.set(tx, `${reader} ${lane}`, { ...cursor, owner: null, leasedUntil: null });
    return [];
  },
  log_reset_cursor: function* (tx, { schema }, values) {
    const [, reader, position] = values as [string, string, number];
    for (const { lane } of schema.cursors.all(tx).filter((cursor) => cursor.reader === reader)) {
      const cursor = yield* schema.cursors.lock(tx, `${reader} ${lane}`);
      if (cursor === undefined) continue;
      const free = { owner: null, leasedUntil: null };
      schema.cursors.set(tx, `${reader} ${lane}`, { ...cursor, ...free, position, epoch: cursor.epoch + 1 });
    }
    return [];
  },
};
