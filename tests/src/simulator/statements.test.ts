import { setImmediate } from "node:timers/promises";
import type { Envelope } from "@throughline/envelope";
import { migrations as inboxMigrations } from "@throughline/inbox";
import { openTestDatabase } from "@throughline/local/testing";
import {
  type Cursor,
  claimCursor,
  type Database,
  migrations as logMigrations,
  moveCursor,
  openCursors,
  readLimit,
  releaseCursor,
  renewCursor,
  resetCursor,
} from "@throughline/log";
import { enqueue, outboxLog, migrations as outboxMigrations } from "@throughline/outbox";
import { drizzle } from "drizzle-orm/node-postgres";
import fc from "fast-check";
import { expect, test } from "vitest";
import { remember } from "../../../packages/inbox/src/processed-messages.ts";
import { openDestination } from "../../../packages/outbox/src/open-destination.ts";
import {
  applyVerdict,
  parkRows,
  readDue,
  readNextDueMs,
  readParkedKeys,
} from "../../../packages/outbox/src/parked-rows.ts";
import { readPage } from "../../../packages/outbox/src/read-page.ts";
import type { Row } from "../../../packages/outbox/src/rows.ts";
import { leave } from "../../../packages/outbox/src/share.ts";
import { idOf } from "./plan.ts";
import { createEngine } from "./postgres/engine.ts";
import { SimulatedPool } from "./postgres/pool.ts";
import { createSchema } from "./postgres/schema.ts";
import { createWorld } from "./world.ts";

/** A database, and what the calls so far have left in the hands of the caller. */
type Side = {
  readonly run: <Answer>(call: (database: Database) => Promise<Answer>) => Promise<Answer>;
  readonly cursors: Cursor[];
};
/** One call of a package, and what may be compared of its answer. */
type Call = (side: Side) => Promise<unknown>;

const empty = `truncate outbox, outbox_sequences, outbox_parked, outbox_parked_keys, outbox_dead, outbox_destinations, outbox_relays,
  log_cursors, processed_messages;
  alter sequence outbox_position_seq restart`;
const destination = "kafka";
const share = { destination, lanes: 1, number: 0 };
const patience = 60_000;

const key = fc.constantFrom("a", "b");
const position = fc.integer({ min: 1, max: 5 });
const leaseMs = fc.constantFrom(-1_000, patience);
const waitMs = fc.constantFrom(-1_000, patience);
const nth = fc.integer({ min: 0, max: 3 });
const owner = fc.constantFrom("one", "other");
const type = fc.constantFrom("order.created", "order.cancelled");

const calls = fc.oneof(
  fc.record({ owner, types: fc.constantFrom(undefined, ["order.created"], ["order.cancelled"]) }).map(start),
  owner.map(
    (of): Call =>
      (side) =>
        side.run((database) => leave(database, { destination, owner: of })),
  ),
  fc.record({ owner, leaseMs }).map(claim),
  fc.record({ nth, position, leaseMs }).map(move),
  fc.record({ nth, leaseMs }).map(renew),
  nth.map(release),
  position.map(
    (to): Call =>
      (side) =>
        side.run((database) => resetCursor(database, outboxLog, destination, to)),
  ),
  fc
    .record({
      ...{ keys: fc.array(key, { minLength: 1, maxLength: 4 }), type, isRolledBack: fc.boolean() },
      data: fc.constantFrom("small", "large ".repeat(5_000)),
    })
    .map(tell),
  fc
    .record({
      ...{ after: fc.integer({ min: 0, max: 6 }), batchSize: fc.integer({ min: 1, max: 4 }) },
      pageBytes: fc.integer({ min: 100, max: 4_000 }),
    })
    .map(read),
  fc.constant<Call>((side) => side.run((database) => readLimit(database, outboxLog))),
  fc
    .record({ positions: fc.array(position, { maxLength: 5 }), failed: fc.array(key, { maxLength: 2 }), waitMs })
    .map(park),
  fc.constant<Call>(async (side) => (await side.run((database) => readParkedKeys(database, share))).sort()),
  fc.constant<Call>(due),
  fc.constant<Call>(async (side) => (await side.run((database) => readNextDueMs(database, share))) > 0),
  fc.record({ delivered: fc.array(position), dead: fc.option(position), key, waitMs: fc.option(waitMs) }).map(decide),
  fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }).map(handle),
);

test("the simulated database answers as Postgres does", { timeout: 300_000 }, async () => {
  await using postgres = await openTestDatabase(logMigrations, outboxMigrations, inboxMigrations);
  await fc.assert(
    fc.asyncProperty(fc.array(calls, { minLength: 30, maxLength: 60 }), async (program) => {
      await postgres.database.execute(empty);
      const real: Side = { run: (call) => call(postgres.database), cursors: [] };
      const simulated = openSimulated();
      for (const side of [real, simulated]) {
        await side.run((database) => openCursors(database, outboxLog, destination, { lanes: 1 }));
        await claim({ owner: "first", leaseMs: -1_000 })(side);
      }
      for (const [index, call] of program.entries()) {
        expect({ index, answer: await call(simulated) }).toEqual({ index, answer: await call(real) });
      }
    }),
    { numRuns: 40 },
  );
});

function openSimulated(): Side {
  const world = createWorld(1);
  const name = "simulated";
  const pool = new SimulatedPool(world, {
    ...{ name, engine: createEngine(name, world), schema: createSchema(), clockMs: Date.now },
    ...{
      downUntil: 0,
      unknownCommits: 0,
      breaks: 0,
      onDone: () => undefined,
      onAnswer: () => undefined,
      onPublishing: () => undefined,
    },
  });
  const database = drizzle({ client: pool as never }) as Database;
  return {
    cursors: [],
    async run(call) {
      let isOver = false;
      const answer = call(database).finally(() => {
        isOver = true;
      });
      void answer.catch(() => undefined);
      for (; !isOver; await setImmediate()) await world.run(() => isOver);
      return answer;
    },
  };
}

/** A relay begins; who had its name before has left. */
function start({ owner: of, types }: { readonly owner: string; readonly types: readonly string[] | undefined }): Call {
  return (side) =>
    side.run(async (database) => {
      await leave(database, { destination, owner: of });
      await openDestination(database, { name: destination, owner: of, types, lanes: 1, beginning: "beginning" });
    });
}

function claim(of: { readonly owner: string; readonly leaseMs: number }): Call {
  return async (side) => {
    const cursor = await side.run((database) => claimCursor(database, outboxLog, { reader: destination, ...of }));
    if (cursor !== undefined) side.cursors.push(cursor);
    return cursor && { ...cursor, server: undefined };
  };
}

function move({ nth, position: to, leaseMs: ms }: { nth: number; position: number; leaseMs: number }): Call {
  return onCursor(nth, async (side, cursor) => {
    const moved = await side.run((database) => moveCursor(database, cursor, to, { leaseMs: ms }));
    if (moved !== undefined) side.cursors.push(moved);
    return moved && { ...moved, server: undefined };
  });
}

function renew({ nth, leaseMs: ms }: { readonly nth: number; readonly leaseMs: number }): Call {
  return onCursor(nth, (side, cursor) => side.run((database) => renewCursor(database, cursor, { leaseMs: ms })));
}

function release(index: number): Call {
  return onCursor(index, (side, cursor) => side.run((database) => releaseCursor(database, cursor)));
}

/** The last cursor, or one before it, which may be stale. */
function onCursor(index: number, call: (side: Side, cursor: Cursor) => Promise<unknown>): Call {
  return async (side) => {
    const cursor = side.cursors.at(-1 - index);
    return cursor && call(side, cursor);
  };
}

type Telling = { readonly keys: readonly string[]; type: string; isRolledBack: boolean; data: string };

function tell({ keys, type: told, isRolledBack, data }: Telling): Call {
  const messages = keys.map((each) => ({ type: told, version: "1", key: each, data }));
  return (side) =>
    side.run((database) =>
      database
        .transaction(async (tx) => {
          await enqueue(tx, "order", messages);
          if (isRolledBack) throw new Error("rolled back");
        })
        .catch((error: Error) => error.message),
    );
}

function read(of: { readonly after: number; readonly batchSize: number; readonly pageBytes: number }): Call {
  return (side) =>
    side.run(async (database) => {
      const tail = { limit: await readLimit(database, outboxLog) };
      const lane = { ...of, database, tail, destination: { name: destination }, lanes: 1, number: 0 };
      const { rows, ...page } = await readPage(lane, of.after, side.cursors[0]?.server ?? 0);
      return { ...page, rows: rows.map(comparable) };
    });
}

function park(of: { readonly positions: readonly number[]; readonly failed: readonly string[]; waitMs: number }): Call {
  const errors = new Map(of.failed.map((each) => [each, "refused"]));
  return (side) =>
    side.run((database) =>
      database.transaction((tx) => parkRows(tx, destination, of.positions, { errors, retryMs: of.waitMs })),
    );
}

async function due(side: Side): Promise<unknown> {
  const { keys, rows } = await side.run((database) => readDue(database, share));
  const byPosition = (one: Row, other: Row) => one.position - other.position;
  const byKey = (one: { key: string }, other: { key: string }) => (one.key < other.key ? -1 : 1);
  return { keys: keys.toSorted(byKey), rows: rows.toSorted(byPosition).map(comparable) };
}

function decide(of: { delivered: number[]; dead: number | null; key: string; waitMs: number | null }): Call {
  const dead: [number[], number[], string[]] = of.dead === null ? [[], [], []] : [[of.dead], [3], ["refused"]];
  const keys: [string[], number[], (number | null)[], (string | null)[]] = [[of.key], [2], [of.waitMs], ["again"]];
  return (side) =>
    side.run((database) =>
      database.transaction((tx) => applyVerdict(tx, destination, { delivered: of.delivered, dead, keys })),
    );
}

function handle(numbers: readonly number[]): Call {
  return async (side) => {
    const fresh = await side.run((database) =>
      database.transaction((tx) => remember(tx, "billing", numbers.map(message), new Set())),
    );
    return { ...fresh, new: [...fresh.new].sort() };
  };
}

function message(number: number): Envelope {
  const id = idOf(String(number));
  const header = {
    version: "1",
    type: "order.created",
    key: "a",
    source: "order",
    sequence: number,
    correlationId: id,
  };
  return { ...header, id, timestamp: new Date(Date.UTC(2025, 5, 1)).toISOString(), data: {} };
}

/** Ids and times differ. */
function comparable({ position: at, key: of, type, source, sequence, wire }: Row) {
  return { at, of, type, source, sequence, inWire: JSON.parse(wire).sequence };
}
