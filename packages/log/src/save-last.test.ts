import { eq, sql } from "drizzle-orm";
import { boolean, integer, jsonb, pgTable, text, timestamp } from "drizzle-orm/pg-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { saveLast } from "./index.ts";
import { openNotes } from "./notes.ts";

const cups = pgTable("cups", {
  name: text("name").primaryKey(),
  millilitres: integer("millilitres"),
  isClean: boolean("is_clean"),
  marks: jsonb("marks").$type<readonly { readonly place: string }[]>(),
  madeAt: timestamp("made_at", { withTimezone: true }),
});
const set = saveLast(cups, { once: ["madeAt"] });

let notes: Awaited<ReturnType<typeof openNotes>>;
beforeAll(async () => {
  notes = await openNotes();
  await notes.database.execute(
    sql`create table cups (name text primary key, millilitres integer, is_clean boolean, marks jsonb, made_at timestamptz)`,
  );
});
afterAll(() => notes[Symbol.asyncDispose]());

const find = async (name: string) => (await notes.database.select().from(cups).where(eq(cups.name, name)))[0];
const [early, late] = [new Date("2026-01-02T03:04:05.678Z"), new Date("2026-01-02T03:04:06Z")];
const marks = [{ place: 'a "quoted" ü' }];

test("rows are set when the transaction commits, each once, and what is not given stays", async () => {
  await notes.database.transaction(async (tx) => {
    set(tx, { name: "blue", millilitres: 200, marks, madeAt: early });
    set(tx, { name: "blue", millilitres: 0, isClean: false, madeAt: late });
    set(tx, { name: "green", isClean: true });
    expect(await tx.select().from(cups)).toEqual([]);
  });
  expect(await find("blue")).toEqual({ name: "blue", millilitres: 0, isClean: false, marks, madeAt: early });
  await notes.database.transaction(async (tx) => set(tx, { name: "blue", isClean: true, marks: null, madeAt: late }));
  expect(await find("blue")).toEqual({ name: "blue", millilitres: 0, isClean: true, marks, madeAt: early });
  expect(await find("green")).toMatchObject({ isClean: true, millilitres: null });
});

test("nothing is set where the transaction, or the savepoint, is rolled back", async () => {
  const failing = notes.database.transaction(async (tx) => {
    set(tx, { name: "red" });
    throw new Error("on purpose");
  });
  await expect(failing).rejects.toThrow("on purpose");
  await notes.database.transaction(async (tx) => {
    const failing = tx.transaction(async (inner) => {
      set(inner, { name: "red" });
      throw new Error("on purpose");
    });
    await expect(failing).rejects.toThrow("on purpose");
    await tx.transaction(async (inner) => set(inner, { name: "yellow" }));
    expect(await tx.select({ name: cups.name }).from(cups).where(eq(cups.name, "yellow"))).toHaveLength(1);
  });
  expect(await find("red")).toBeUndefined();
});

test("what the database refuses fails the commit", async () => {
  await notes.database.execute(sql`alter table cups add check (millilitres < 1000)`);
  const failing = notes.database.transaction(async (tx) => {
    set(tx, { name: "big", millilitres: 1_000 });
    set(tx, { name: "small", millilitres: 1 });
  });
  await expect(failing).rejects.toMatchObject({ query: "commit", cause: { cause: { code: "23514" } } });
  expect(await find("small")).toBeUndefined();
});

test("who sets a row when its transaction has ended is told", async () => {
  const ended = await notes.database.transaction(async (tx) => {
    set(tx, { name: "white" });
    return tx;
  });
  const untouched = await notes.database.transaction(async (tx) => tx);
  for (const tx of [ended, untouched]) {
    expect(() => set(tx, { name: "black" })).toThrow("Its transaction has ended");
  }
});

test("a table without a key of one column is refused", () => {
  expect(() => saveLast(pgTable("keyless", { name: text("name") }))).toThrow("Table keyless needs a key of one column");
});
