import { afterAll, beforeAll, expect, test } from "vitest";
import { type Ask, askTogether } from "./ask-together.ts";
import { query } from "./database.ts";
import { openNotes } from "./notes.ts";

let notes: Awaited<ReturnType<typeof openNotes>>;
beforeAll(async () => {
  notes = await openNotes();
});
afterAll(() => notes[Symbol.asyncDispose]());

/** Doubles numbers in the database and tells which were asked for together. */
function createDoubling() {
  const asked: (readonly number[])[] = [];
  const double: Ask<number, number> = async (tx, numbers) => {
    asked.push(numbers);
    const rows = await query<{ doubled: number }>(
      tx,
      "double",
      "select 2 * number as doubled from unnest($1::integer[]) with ordinality as given (number, nth) order by nth",
      [numbers],
    );
    return rows.map(({ doubled }) => doubled);
  };
  return { asked, double };
}

test("what is asked side by side goes out in one statement, and each gets its own answer", async () => {
  const { asked, double } = createDoubling();
  const answers = await notes.database.transaction((tx) =>
    Promise.all([1, 2, 3].map((number) => askTogether(tx, double, number))),
  );
  expect(answers).toEqual([2, 4, 6]);
  expect(asked).toEqual([[1, 2, 3]]);
});

test("what is awaited one after the other is asked one by one, and two transactions never share", async () => {
  const { asked, double } = createDoubling();
  const inTurn = (first: number) =>
    notes.database.transaction(async (tx) => [
      await askTogether(tx, double, first),
      await askTogether(tx, double, first + 1),
    ]);
  expect(await Promise.all([inTurn(1), inTurn(10)])).toEqual([
    [2, 4],
    [20, 22],
  ]);
  expect(asked.toSorted(([a = 0], [b = 0]) => a - b)).toEqual([[1], [2], [10], [11]]);
});

test("a statement that fails fails everybody who asked", async () => {
  const fail: Ask<number, number> = (tx) => query(tx, "fail", "select 1 / $1::integer", [0]) as Promise<never>;
  const calls: Promise<number>[] = [];
  const failing = notes.database.transaction(async (tx) => {
    calls.push(askTogether(tx, fail, 1), askTogether(tx, fail, 2));
    return await Promise.allSettled(calls);
  });
  // Whoever swallows it believes in a commit that is none.
  await expect(failing).rejects.toMatchObject({ cause: { code: "25P02" } });
  const failed = { status: "rejected", reason: { cause: { code: "22012" } } };
  expect(await Promise.allSettled(calls)).toMatchObject([failed, failed]);
});
