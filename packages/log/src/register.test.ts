import { expect, test } from "vitest";
import { query, readLimit, readLog, whatHoldsBack } from "./index.ts";
import { type Note, notes, openNotes, openTransaction, write } from "./notes.ts";

const all = { name: "read_notes", columns: "writer, number" };
const pins = "select count(*)::int as pins from log_pins(20001)";

test("a lower position that commits later is never skipped", async () => {
  await using log = await openNotes();
  const lower = await openTransaction(log.database);
  await write(lower.tx, { writer: 1, number: 1 });
  await write(log.database, { writer: 2, number: 1 });
  expect(await readLog(log.database, notes, all, { after: 0 })).toEqual({ rows: [], upTo: 0 });
  await lower.commit();
  expect(await readLog<Note>(log.database, notes, all, { after: 0 })).toEqual({
    rows: [
      { position: 1, writer: 1, number: 1 },
      { position: 2, writer: 2, number: 1 },
    ],
    upTo: 2,
  });
});

test("without the trigger the lower position is lost", async () => {
  await using log = await openNotes();
  await log.database.execute("drop trigger notes_pin on notes");
  const lower = await openTransaction(log.database);
  await write(lower.tx, { writer: 1, number: 1 });
  await write(log.database, { writer: 2, number: 1 });
  const first = await readLog<Note>(log.database, notes, all, { after: 0 });
  await lower.commit();
  const second = await readLog<Note>(log.database, notes, all, { after: first.upTo });
  expect([...first.rows, ...second.rows]).toEqual([{ position: 2, writer: 2, number: 1 }]);
});

test("a rolled back position is a gap that the reader jumps", async () => {
  await using log = await openNotes();
  const gone = await openTransaction(log.database);
  await write(gone.tx, { writer: 1, number: 1 });
  await gone.rollback();
  expect(await readLog(log.database, notes, all, { after: 0 })).toEqual({ rows: [], upTo: 1 });
});

test("a transaction has one pin, however many statements it has", async () => {
  await using log = await openNotes();
  const open = await openTransaction(log.database);
  for (const number of [1, 2, 3]) {
    await write(open.tx, { writer: 1, number });
    await write(log.database, { writer: 2, number });
  }
  expect(await query(log.database, "pins", pins)).toEqual([{ pins: 1 }]);
  await open.commit();
  expect(await query(log.database, "pins", pins)).toEqual([{ pins: 0 }]);
});

test("a pin that went with its savepoint is taken anew", async () => {
  await using log = await openNotes();
  const open = await openTransaction(log.database);
  const undone = open.tx.transaction(async (savepoint) => {
    await write(savepoint, { writer: 1, number: 1 });
    throw new Error("undone");
  });
  await expect(undone).rejects.toThrow("undone");
  expect(await query(log.database, "pins", pins)).toEqual([{ pins: 0 }]);
  await write(log.database, { writer: 2, number: 1 });
  await write(open.tx, { writer: 1, number: 2 });
  await write(log.database, { writer: 2, number: 2 });
  const { rows, upTo } = await readLog<Note>(log.database, notes, all, { after: 0 });
  expect(rows).toEqual([{ position: 2, writer: 2, number: 1 }]);
  await open.commit();
  const later = await readLog<Note>(log.database, notes, all, { after: upTo });
  expect(later.rows.map(({ position }) => position)).toEqual([3, 4]);
});

test("a pin taken in a savepoint that was kept lasts until the commit", async () => {
  await using log = await openNotes();
  const open = await openTransaction(log.database);
  await open.tx.transaction((savepoint) => write(savepoint, { writer: 1, number: 1 }));
  await write(log.database, { writer: 2, number: 1 });
  expect(await readLimit(log.database, notes)).toBe(0);
  await open.commit();
  expect(await readLimit(log.database, notes)).toBe(2);
});

test("an open transaction that writes elsewhere holds nothing back", async () => {
  await using log = await openNotes();
  await log.database.execute("create table elsewhere (id integer)");
  const open = await openTransaction(log.database);
  await open.tx.execute("insert into elsewhere values (1)");
  await write(log.database, { writer: 1, number: 1 });
  expect(await readLimit(log.database, notes)).toBe(1);
  expect(await whatHoldsBack(log.database, notes)).toBeUndefined();
  await open.commit();
});

test("a log of another namespace holds nothing back", async () => {
  await using log = await openNotes();
  const open = await openTransaction(log.database);
  await write(open.tx, { writer: 1, number: 1 });
  await write(log.database, { writer: 2, number: 1 });
  expect(await readLimit(log.database, { ...notes, namespace: 20_002 })).toBe(2);
  await open.commit();
});

test("who holds the reader back has a process and an age", async () => {
  await using log = await openNotes();
  const open = await openTransaction(log.database);
  await write(open.tx, { writer: 1, number: 1 });
  const [own] = await query<{ pid: number }>(open.tx, "pid", "select pg_backend_pid() as pid");
  await write(log.database, { writer: 2, number: 1 });
  const holder = await whatHoldsBack(log.database, notes);
  expect(holder).toMatchObject({ pid: own?.pid, state: "idle in transaction", position: 0 });
  expect(holder?.ageMs).toBeGreaterThan(0);
  await open.commit();
  expect(await whatHoldsBack(log.database, notes)).toBeUndefined();
});

test("a page ends at its limit, and the next goes on from there", async () => {
  await using log = await openNotes();
  for (const number of [1, 2, 3]) await write(log.database, { writer: 1, number });
  const first = await readLog<Note>(log.database, notes, all, { after: 0, limit: 2 });
  expect(first.rows.map(({ number }) => number)).toEqual([1, 2]);
  expect(first.upTo).toBe(2);
  const second = await readLog<Note>(log.database, notes, all, { after: first.upTo, limit: 2 });
  expect(second.rows.map(({ number }) => number)).toEqual([3]);
});

test("a filter moves the reader past what it leaves out", async () => {
  await using log = await openNotes();
  for (const writer of [1, 2, 2]) await write(log.database, { writer, number: 1 });
  const ofOne = { name: "read_notes_of", columns: "writer", where: "writer = $4", values: [1] };
  const { rows, upTo } = await readLog(log.database, notes, ofOne, { after: 0 });
  expect(rows).toHaveLength(1);
  expect(upTo).toBe(3);
});

test("a transaction with one snapshot for all may not read the log", async () => {
  await using log = await openNotes();
  const reading = log.database.transaction((tx) => readLog(tx, notes, all, { after: 0 }), {
    isolationLevel: "repeatable read",
  });
  await expect(reading).rejects.toThrow("A log is read in read committed");
});
