import { eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { boolean, integer, jsonb, pgSchema, pgTable, text, timestamp } from "drizzle-orm/pg-core";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { saveLast, shareTransactions, type Transaction } from "./index.ts";
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

test("a table without a key of one column, or in a schema of its own, is refused", () => {
  const own = pgSchema("own").table("cups", { name: text("name").primaryKey() });
  expect(() => saveLast(pgTable("keyless", { name: text("name") }))).toThrow("Table keyless needs a key of one column");
  expect(() => saveLast(own)).toThrow("has schema own");
});

test("a value that JSON has not is refused where it is given", async () => {
  const given = (row: object) => notes.database.transaction(async (tx) => set(tx, { name: "odd", ...row }));
  await expect(given({ millilitres: Number.NaN })).rejects.toThrow("cups.millilitres: NaN is nothing that JSON has");
  await expect(given({ madeAt: new Date("never") })).rejects.toThrow("cups.made_at: Invalid Date is nothing");
  await expect(given({ millilitres: 1n })).rejects.toThrow("BigInt");
  await expect(given({ name: Buffer.from("odd") })).rejects.toThrow("nothing that JSON has");
  await notes.database.transaction(async (tx) => set(tx, { name: "half \ud83d" }));
  expect(await find("half \ufffd")).toBeDefined();
});

test("two ways of saving one table are two statements", async () => {
  const always = saveLast(cups);
  const names = saveLast(pgTable("cups", { name: text("name").primaryKey() }));
  await notes.database.transaction(async (tx) => {
    set(tx, { name: "pink", madeAt: early });
    always(tx, { name: "pink", madeAt: late });
    names(tx, { name: "pink" });
  });
  expect(await find("pink")).toMatchObject({ madeAt: late });
});

test("a connection that is no pool's is refused, since nobody would hear of the end", async () => {
  const client = new pg.Client(notes.url);
  await client.connect();
  const alone = drizzle(client).transaction(async (tx) => set(tx as Transaction, { name: "lost" }));
  await expect(alone).rejects.toThrow("What is asked last needs a transaction of a pool");
  await client.end();
});

test("of those who share a transaction, only the one whose row is refused fails", async () => {
  await notes.database.execute(sql`alter table cups add check (name <> 'refused')`);
  const share = shareTransactions(notes.database);
  const names = ["one", "refused", "other"];
  const outcomes = await Promise.allSettled(names.map((name) => share(async (tx) => set(tx, { name }))));
  expect(outcomes).toMatchObject([
    { status: "fulfilled" },
    { status: "rejected", reason: { message: expect.stringMatching(/did not commit: .*violates check/) } },
    { status: "fulfilled" },
  ]);
  expect([await find("one"), await find("other")]).toMatchObject([{ name: "one" }, { name: "other" }]);
});
