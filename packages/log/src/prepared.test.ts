import { eq, sql } from "drizzle-orm";
import { integer, pgTable, text, timestamp } from "drizzle-orm/pg-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openNotes } from "./notes.ts";
import { placeholdersOf, prepared } from "./prepared.ts";

const cups = pgTable("cups", {
  name: text("name").primaryKey(),
  millilitres: integer("millilitres"),
  filledAt: timestamp("filled_at", { withTimezone: true }),
});
const set = prepared<typeof cups.$inferInsert>("set-cup", (database) =>
  database
    .insert(cups)
    .values(placeholdersOf(cups))
    .onConflictDoUpdate({ target: cups.name, set: { filledAt: sql`excluded.filled_at` } }),
);

let notes: Awaited<ReturnType<typeof openNotes>>;
beforeAll(async () => {
  notes = await openNotes();
  await notes.database.execute(
    sql`create table cups (name text primary key, millilitres integer, filled_at timestamptz)`,
  );
});
afterAll(() => notes[Symbol.asyncDispose]());

test("a statement is built once and runs on any handle, with the types of its columns", async () => {
  const { database } = notes;
  const filledAt = new Date("2026-01-02T03:04:05.678Z");
  await set(database, { name: "blue", millilitres: 200 });
  await database.transaction((tx) => set(tx, { name: "blue", filledAt }));
  expect(await database.select().from(cups)).toEqual([{ name: "blue", millilitres: 200, filledAt }]);
});

test("a transaction that rolls back takes it along", async () => {
  const { database } = notes;
  const failing = database.transaction(async (tx) => {
    await set(tx, { name: "red" });
    throw new Error("on purpose");
  });
  await expect(failing).rejects.toThrow("on purpose");
  expect(await database.select().from(cups).where(eq(cups.name, "red"))).toEqual([]);
});

test("rows come back", async () => {
  const size = prepared<{ name: string }, { millilitres: number }>("size-of-cup", (database) =>
    database
      .select({ millilitres: cups.millilitres })
      .from(cups)
      .where(eq(cups.name, sql.placeholder("name"))),
  );
  await set(notes.database, { name: "green", millilitres: 300 });
  expect(await size(notes.database, { name: "green" })).toEqual([{ millilitres: 300 }]);
});
