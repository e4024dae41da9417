import { connect } from "@throughline/local/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { confine, query } from "./index.ts";
import { openNotes, write } from "./notes.ts";

let notes: Awaited<ReturnType<typeof openNotes>>;
beforeAll(async () => {
  notes = await openNotes();
});
afterAll(() => notes[Symbol.asyncDispose]());

async function numbersOf(writer: number): Promise<number[]> {
  const text = "select number from notes where writer = $1 order by position";
  return (await query<{ number: number }>(notes.database, "numbers", text, [writer])).map(({ number }) => number);
}

test("what is closed can commit, and nothing else", async () => {
  await notes.database.transaction(async (tx) => {
    await write(tx, { writer: 1, number: 1 });
    confine(tx).close();
    await expect(write(tx, { writer: 1, number: 2 })).rejects.toThrow("Its transaction has ended");
  });
  expect(await numbersOf(1)).toEqual([1]);
});

test("a savepoint that outlives its transaction changes nothing in the next one of the connection", async () => {
  await using one = connect(notes.url, 1);
  const [begun, wake] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let late: Promise<void> | undefined;
  const undone = one.database.transaction(async (tx) => {
    late = tx.transaction(async (inner) => {
      confine(inner);
      begun.resolve();
      await wake.promise;
      await write(inner, { writer: 2, number: 1 });
    });
    await begun.promise;
    throw new Error("undone");
  });
  await expect(undone).rejects.toThrow("undone");
  await one.database.transaction((tx) =>
    tx.transaction(async (inner) => {
      await write(inner, { writer: 2, number: 2 });
      wake.resolve();
      await expect(late).rejects.toMatchObject({ cause: { message: "Its transaction has ended" } });
    }),
  );
  expect(await numbersOf(2)).toEqual([2]);
});
