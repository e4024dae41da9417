import { expect, test } from "vitest";
import { claimCursor, moveCursor, openCursors, query, releaseCursor, renewCursor } from "./index.ts";
import { notes, openNotes } from "./notes.ts";

const claim = { reader: "kafka", owner: "a" };

test("a cursor begins at 0 and is where it was left", async () => {
  await using log = await openRead();
  const cursor = await claimed(claimCursor(log.database, notes, claim));
  expect(cursor).toEqual({ log: "notes", reader: "kafka", lane: 0, position: 0, epoch: 1, server: expect.any(Number) });
  expect(await moveCursor(log.database, cursor, 7)).toEqual({ ...cursor, position: 7 });
  await releaseCursor(log.database, cursor);
  expect(await claimCursor(log.database, notes, claim)).toEqual({ ...cursor, position: 7, epoch: 2 });
});

test("an owner claims again what it holds", async () => {
  await using log = await openRead();
  await claimed(claimCursor(log.database, notes, claim));
  expect(await claimCursor(log.database, notes, claim)).toMatchObject({ epoch: 2 });
});

test("nobody claims a cursor while its lease lasts", async () => {
  await using log = await openRead({ lanes: 2 });
  await claimed(claimCursor(log.database, notes, claim));
  expect(await claimCursor(log.database, notes, { ...claim, owner: "b" })).toBeUndefined();
  expect(await claimCursor(log.database, notes, { ...claim, owner: "b", lane: 1 })).toBeDefined();
});

test("a cursor that was never opened is not made by a claim", async () => {
  await using log = await openRead();
  await expect(claimCursor(log.database, notes, { ...claim, lane: 1 })).rejects.toThrow("has no lane 1");
  expect(await query(log.database, "lanes", "select lane from log_cursors")).toEqual([{ lane: 0 }]);
});

test("of many claims at once one succeeds", async () => {
  await using log = await openRead();
  const claims = await Promise.all(
    ["a", "b", "c", "d", "e"].map((owner) => claimCursor(log.database, notes, { reader: "kafka", owner })),
  );
  expect(claims.filter((cursor) => cursor !== undefined)).toHaveLength(1);
});

test("a cursor of an old epoch moves nothing and says so", async () => {
  await using log = await openRead();
  const old = await claimed(claimCursor(log.database, notes, { ...claim, leaseMs: 0 }));
  const successor = await claimed(claimCursor(log.database, notes, { ...claim, owner: "b" }));
  expect(await moveCursor(log.database, old, 9)).toBeUndefined();
  expect(await renewCursor(log.database, old)).toBe(false);
  await releaseCursor(log.database, old);
  expect(await claimCursor(log.database, notes, { ...claim, owner: "c" })).toBeUndefined();
  expect(await moveCursor(log.database, successor, 5)).toEqual({ ...successor, position: 5 });
});

test("a cursor of another server moves nothing and says so", async () => {
  await using log = await openRead();
  const cursor = await claimed(claimCursor(log.database, notes, claim));
  const other = { ...cursor, server: cursor.server - 1 };
  expect(await moveCursor(log.database, other, 9)).toBeUndefined();
  expect(await renewCursor(log.database, other)).toBe(false);
  expect(await moveCursor(log.database, cursor, 9)).toEqual({ ...cursor, position: 9 });
});

test("a move renews the lease", async () => {
  await using log = await openRead();
  const cursor = await claimed(claimCursor(log.database, notes, { ...claim, leaseMs: 0 }));
  await moveCursor(log.database, cursor, 1);
  expect(await claimCursor(log.database, notes, { ...claim, owner: "b" })).toBeUndefined();
});

test("a move that is rolled back has not happened", async () => {
  await using log = await openRead();
  const cursor = await claimed(claimCursor(log.database, notes, claim));
  const undone = log.database.transaction(async (tx) => {
    await moveCursor(tx, cursor, 9);
    throw new Error("undone");
  });
  await expect(undone).rejects.toThrow("undone");
  expect(await query(log.database, "position", "select position from log_cursors")).toEqual([{ position: "0" }]);
});

/** Notes with a reader at their beginning. */
async function openRead({ lanes = 1 } = {}) {
  const log = await openNotes();
  await openCursors(log.database, notes, claim.reader, { lanes });
  return log;
}

async function claimed<Cursor>(claiming: Promise<Cursor | undefined>): Promise<Cursor> {
  const cursor = await claiming;
  if (cursor === undefined) throw new Error("The cursor is held by somebody else");
  return cursor;
}
