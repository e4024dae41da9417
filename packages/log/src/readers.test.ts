import { expect, test } from "vitest";
import {
  claimCursor,
  dropCursors,
  moveCursor,
  openCursors,
  readLanes,
  renewCursor,
  resetCursor,
  rewindCursor,
} from "./index.ts";
import { notes, openNotes } from "./notes.ts";

const claim = { reader: "kafka", owner: "a" };

test("a reader keeps its number of lanes", async () => {
  await using log = await openNotes();
  await openCursors(log.database, notes, "kafka", { lanes: 4 });
  await openCursors(log.database, notes, "kafka", { lanes: 4 });
  await expect(openCursors(log.database, notes, "kafka", { lanes: 2 })).rejects.toThrow(
    "has 4 lanes and was started with 2",
  );
});

test("a reader that is new begins where it was told to, and one that is not stays where it is", async () => {
  await using log = await openNotes();
  await openCursors(log.database, notes, "kafka", { lanes: 2, position: 5 });
  await openCursors(log.database, notes, "kafka", { lanes: 2, position: 9 });
  const free = { position: 5, isHeld: false, heldForMs: 0 };
  expect(await readLanes(log.database, notes, "kafka")).toEqual([
    { lane: 0, ...free },
    { lane: 1, ...free },
  ]);
});

test("a reader that is reset is fenced off and begins where it was told to", async () => {
  await using log = await openNotes();
  await openCursors(log.database, notes, "kafka", { lanes: 1 });
  const cursor = await claimed(claimCursor(log.database, notes, claim));
  await moveCursor(log.database, cursor, 9);
  await resetCursor(log.database, notes, "kafka", 3);
  expect(await moveCursor(log.database, cursor, 10)).toBeUndefined();
  expect(await claimCursor(log.database, notes, claim)).toMatchObject({ position: 3 });
});

test("a reader is sent back in the lanes that have come further, and these are fenced off", async () => {
  await using log = await openNotes();
  await openCursors(log.database, notes, "kafka", { lanes: 2 });
  const [fast, slow] = await Promise.all(
    [0, 1].map((lane) => claimed(claimCursor(log.database, notes, { ...claim, lane }))),
  );
  if (fast === undefined || slow === undefined) throw new Error("Two lanes were claimed");
  await moveCursor(log.database, fast, 9);
  await moveCursor(log.database, slow, 3);
  expect(await rewindCursor(log.database, notes, "kafka", 5)).toEqual([{ lane: 0, position: 9 }]);
  expect(await renewCursor(log.database, fast)).toBe(false);
  expect(await renewCursor(log.database, slow)).toBe(true);
  expect(await readLanes(log.database, notes, "kafka")).toEqual([
    { lane: 0, position: 5, isHeld: false, heldForMs: 0 },
    { lane: 1, position: 3, isHeld: true, heldForMs: expect.any(Number), owner: claim.owner },
  ]);
});

test("a reader is forgotten once nobody holds it", async () => {
  await using log = await openNotes();
  await openCursors(log.database, notes, "kafka", { lanes: 1 });
  await claimed(claimCursor(log.database, notes, claim));
  expect(await log.database.transaction((tx) => dropCursors(tx, notes, "kafka"))).toBe(false);
  expect(await readLanes(log.database, notes, "kafka")).toHaveLength(1);
  await resetCursor(log.database, notes, "kafka", 0);
  expect(await log.database.transaction((tx) => dropCursors(tx, notes, "kafka"))).toBe(true);
  expect(await readLanes(log.database, notes, "kafka")).toEqual([]);
});

async function claimed<Cursor>(claiming: Promise<Cursor | undefined>): Promise<Cursor> {
  const cursor = await claiming;
  if (cursor === undefined) throw new Error("The cursor is held by somebody else");
  return cursor;
}
