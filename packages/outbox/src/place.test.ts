import { deriveId, newId } from "@throughline/envelope";
import { type Database, query } from "@throughline/log";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openOutbox } from "./outbox-under-test.ts";
import { findPosition, positionOf, unhurried } from "./place.ts";

const idOf = (ms: number) => deriveId(`${ms}`, new Date(ms));
const minuteMs = 60_000;
const start = Date.parse("2026-01-01T00:00:00Z");

/** Messages, by when each was written, and for how long its transaction had been open then, in minutes. */
const messages = fc.array(fc.record({ pause: fc.integer({ min: 0, max: 10 }), age: fc.integer({ min: 0, max: 59 }) }), {
  minLength: 1,
  maxLength: 60,
});

test("the first message since a moment is found, whatever transactions were open for how long", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  const property = fc.asyncProperty(messages, fc.integer({ min: -60, max: 400 }), async (given, minute) => {
    let at = start;
    const begun = given.map(({ pause, age }) => {
      at += pause * minuteMs;
      return at - age * minuteMs;
    });
    const first = await write(database, begun);
    const since = start + minute * minuteMs;
    const nth = begun.findIndex((ms) => ms >= since);
    const expected = nth < 0 ? Number.MAX_SAFE_INTEGER : first + nth;
    expect(await findPosition(database, new Date(since))).toBe(expected);
  });
  await fc.assert(property, { numRuns: 200 });
}, 60_000);

test("a message is found by its id, whether or not it tells when the message was written", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  const hours = Array.from({ length: 50 }, (_, hour) => start + hour * 60 * minuteMs);
  const ids = hours.map((ms) => idOf(ms + 20 * minuteMs));
  ids[10] = idOf(start - 1_000 * minuteMs);
  ids[20] = idOf(start + 100_000 * minuteMs);
  ids[30] = "5e4bb0a4-4b6e-4b3c-9f0e-1f2a3b4c5d6e";
  const first = await write(database, hours, ids);
  for (const [nth, id] of ids.entries()) expect(await findPosition(database, { id })).toBe(first + nth);
  expect(await findPosition(database, { id: newId() })).toBeUndefined();
});

test.each(["a moment", "an id"])("to find %s, no more is read than what was written in an hour", async (what) => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  const minutes = Array.from({ length: 10_000 }, (_, minute) => start + minute * minuteMs);
  const ids = minutes.map(idOf);
  await write(database, minutes, ids);
  const place = what === "an id" ? { id: ids[9_000] ?? "" } : new Date(minutes[9_000] ?? 0);
  const read = await unhurried(database, async (tx) => {
    expect(await positionOf(tx, place)).toBe(9_001);
    const text = `select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int as rows
      from pg_stat_xact_user_tables where relname like 'outbox\\_%'`;
    return await query<{ rows: number }>(tx, "rows_read", text);
  });
  expect(read[0]?.rows).toBeLessThan(150);
});

/** Into an empty outbox; returns the position of the first. */
async function write(
  database: Database,
  createdAt: readonly number[],
  ids: readonly string[] = createdAt.map(() => newId()),
): Promise<number> {
  await database.execute("truncate outbox");
  await query(
    database,
    "write",
    `insert into outbox (created_at, id, key, type, version, "timestamp", source, sequence, correlation_id, wire)
     select to_timestamp(ms / 1000), id, 'a', 'order.created', '1', '', '', nth, '', ''
     from unnest($1::float8[], $2::text[]) with ordinality as given (ms, id, nth) order by nth`,
    [createdAt, ids],
  );
  const [row] = await query<{ first: number }>(database, "first", "select min(position)::float8 as first from outbox");
  return row?.first ?? 0;
}
