import { execFile, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createEnvelope, type Envelope, type Message } from "@throughline/envelope";
import { migrations as inbox, on, startConsumer } from "@throughline/inbox";
import { startPostgres } from "@throughline/local/brokers";
import { freeBasePort } from "@throughline/local/ports";
import { connect, createTables, createTestDatabase } from "@throughline/local/testing";
import { migrations as log, query } from "@throughline/log";
import { enqueue, migrations as outbox, startRelay } from "@throughline/outbox";
import { memoryTransport } from "@throughline/transport/memory";
import { expect, test, vi } from "vitest";

const patience = { timeout: 30_000, interval: 50 };
const run = promisify(execFile);

type Place = {
  readonly url: string;
  /** Leaves no room for one more page. */
  readonly fill: string;
  readonly makeRoom: string;
} & AsyncDisposable;

const places: readonly (readonly [name: string, open: () => Promise<Place>])[] = [
  ["of which Postgres says so", openTold],
  // In a mount namespace of its own, which is gone with the attempt.
  ...(spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", tmpdir()]).status === 0
    ? ([["of 32 MiB, where one may be mounted", openDisk]] as const)
    : []),
];

test.each(places)("a full disk, %s, keeps nothing by halves, and costs no message an attempt", async (_name, open) => {
  await using place = await open();
  await using service = connect(place.url);
  const { database } = service;
  await createTables(database, log, outbox, inbox);
  await database.execute("create table orders (id text); create table effects (id text, note text)");
  const road = memoryTransport();
  let attempts = 0;
  const noted = {
    ...{ type: "note.written", version: "1" },
    read(envelope: Envelope) {
      attempts += 1;
      return envelope;
    },
  };
  const add = on(noted, async ({ key, data }, tx) => {
    await query(tx, "add-effect", "insert into effects values ($1, $2)", [key, data]);
  });
  const order = (id: string) =>
    database.transaction(async (tx) => {
      await query(tx, "add-order", "insert into orders values ($1)", [id]);
      await enqueue(tx, "test", [note(id)]);
    });
  const read = async (text: string) => (await database.execute<{ id: string }>(text)).rows.map(({ id }) => id);

  const options = { from: [road], attempts: 1, timeoutMs: 3_000, onFailure: () => {} };
  await using consumer = await startConsumer(database, "test", [add], options);
  await using _relay = await startRelay(database, { to: [{ transport: road }], onError: () => {} });
  await using elsewhere = await road.connectPublisher();

  await database.execute(place.fill);
  await elsewhere.publish([createEnvelope(note("heard"), { source: "elsewhere" })]);
  // Of the order itself, or of what is told of it at the commit.
  await expect(order("refused")).rejects.toSatisfy(isFull);
  expect(await read("select id from orders union all select id from outbox")).toEqual([]);
  await vi.waitUntil(() => attempts > options.attempts, patience);

  await database.execute(place.makeRoom);
  await order("told");
  await vi.waitUntil(async () => (await read("select id from effects")).length === 2, patience);
  expect(await read("select id from effects order by id")).toEqual(["heard", "told"]);
  expect(consumer.status()).toMatchObject({ failed: 0, deadLettered: 0 });
});

function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ("code" in error && error.code === "53100") || isFull(error.cause);
}

function note(key: string): Message {
  return { type: "note.written", version: "1", key, data: big() };
}

/** More than a page, however it is compressed. */
function big(): string {
  return randomBytes(15_000).toString("base64");
}

/** Refuses as a full disk does. */
async function openTold(): Promise<Place> {
  const { url, [Symbol.asyncDispose]: dispose } = await createTestDatabase();
  const tables = ["outbox", "effects"];
  return {
    url,
    fill: `create function refuse() returns trigger language plpgsql as
        $$ begin raise 'could not extend file' using errcode = 'disk_full'; end $$;
      ${tables.map((table) => `create trigger refuse before insert on ${table} execute function refuse()`).join("; ")}`,
    makeRoom: "drop function refuse cascade",
    [Symbol.asyncDispose]: dispose,
  };
}

/** Holds the tables; Postgres ends itself where its write-ahead log has no room, and that is another fault. */
async function openDisk(): Promise<Place> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "throughline-"));
  opened.defer(() => rm(folder, { recursive: true }));
  const disk = join(folder, "disk");
  await mkdir(disk);
  await run("mount", ["-t", "tmpfs", "-o", "size=32m", "tmpfs", disk]);
  opened.defer(async () => void (await run("umount", [disk])));
  const dataDir = join(folder, "postgres");
  const port = await freeBasePort();
  const postgres = opened.use(await startPostgres({ port, dataDir, log: () => {}, fsync: false }));
  await run("chown", ["--reference", join(dataDir, "data"), disk]);
  await using first = connect(postgres.url, 1);
  await first.pool.query(`create tablespace disk location '${disk}'`);
  await first.pool.query("create database small tablespace disk");
  const stack = opened.move();
  return {
    url: new URL("/small", postgres.url).href,
    fill: `create unlogged table filler (text text storage plain);
      do $$ begin
        loop insert into filler values (repeat('x', 8000)); end loop;
      exception when disk_full then null;
      end $$`,
    makeRoom: "truncate filler",
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
