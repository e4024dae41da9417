import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestDatabase } from "@throughline/local/testing";
import { expect, test } from "vitest";
import { openDatabase } from "./database.ts";
import { migrate } from "./migrate.ts";
import { startChild } from "./testing/child.ts";

type Step = { readonly when: number; readonly sql: string };

const first: Step = { when: 1, sql: "create table a (id int);\n--> statement-breakpoint\ninsert into a values (1)" };
const second: Step = { when: 2, sql: "create table b (id int)" };
const third: Step = { when: 3, sql: "create table c (id int)" };

async function folderOf(...steps: readonly Step[]) {
  const folder = await mkdtemp(join(tmpdir(), "migrations-"));
  const entries = steps.map(({ when }, idx) => ({ idx, version: "7", when, tag: `000${idx}_step`, breakpoints: true }));
  await mkdir(join(folder, "meta"));
  await writeFile(join(folder, "meta/_journal.json"), JSON.stringify({ version: "7", dialect: "postgresql", entries }));
  for (const [idx, step] of steps.entries()) await writeFile(join(folder, `000${idx}_step.sql`), step.sql);
  return { name: "event-store", folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

async function openTestDatabase() {
  const place = await createTestDatabase();
  const database = await openDatabase({
    service: "test",
    logLevel: "silent",
    databaseUrl: place.url,
    databasePoolSize: 1,
    handlerTimeoutMs: 30_000,
  });
  return {
    url: place.url,
    pool: database.pool,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
}

test("four processes that start at once migrate once", async () => {
  await using database = await openTestDatabase();
  await using folder = await folderOf({ when: 1, sql: `select pg_sleep(0.2);\n${first.sql}` }, second);
  const children = [1, 2, 3, 4].map(() => startChild("migrate.ts", [database.url, folder.name, folder.folder]));
  for (const child of children) expect(await child.ended, child.output()).toEqual({ code: 0, signal: null });
  expect((await database.pool.query("select * from a")).rows).toEqual([{ id: 1 }]);
});

test("each folder keeps a ledger of its own", async () => {
  await using database = await openTestDatabase();
  await using newer = await folderOf(third);
  await using older = await folderOf(first);
  await migrate(database, [newer, { ...older, name: "order" }]);
  expect((await database.pool.query("select * from a, c")).rows).toEqual([]);
});

test("a later start applies what is new", async () => {
  await using database = await openTestDatabase();
  await using before = await folderOf(first);
  await using after = await folderOf(first, second);
  await migrate(database, [before]);
  await migrate(database, [after]);
  await migrate(database, [before]);
  expect((await database.pool.query("select * from b")).rows).toEqual([]);
});

test("a journal out of order is refused before anything is applied", async () => {
  await using database = await openTestDatabase();
  await using folder = await folderOf(second, first);
  await expect(migrate(database, [folder])).rejects.toThrow(
    /Entry 1 of meta\/_journal.json of event-store .* give it a later time/,
  );
  await expect(database.pool.query("select * from b")).rejects.toThrow("does not exist");
});

test("a migration that came too late is not left out in silence", async () => {
  await using database = await openTestDatabase();
  await using one = await folderOf(first, third);
  await using merged = await folderOf(first, second, third);
  await migrate(database, [one]);
  await expect(migrate(database, [merged])).rejects.toThrow("Migration 1 of event-store was left out");
});

test("an edited migration is refused", async () => {
  await using database = await openTestDatabase();
  await using before = await folderOf(first);
  await using edited = await folderOf({ ...first, sql: "create table a (id bigint)" });
  await migrate(database, [before]);
  await expect(migrate(database, [edited])).rejects.toThrow("Migration 0 of event-store was edited");
});

test("a migration that fails leaves nothing behind, and the next start may try", async () => {
  await using database = await openTestDatabase();
  await using broken = await folderOf(first, { when: 2, sql: "create tabel b" });
  await using whole = await folderOf(first, second);
  await expect(migrate(database, [broken])).rejects.toThrow();
  await migrate(database, [whole]);
  expect((await database.pool.query("select * from a")).rows).toEqual([{ id: 1 }]);
});
