import { AsyncLocalStorage } from "node:async_hooks";
import type { Socket } from "node:net";
import { type BatchObservableCallback, createNoopMeter, metrics, type Observable } from "@opentelemetry/api";
import { createTestDatabase } from "@throughline/local/testing";
import { sql } from "drizzle-orm";
import { expect, test, vi } from "vitest";
import { openDatabase } from "./database.ts";

const patience = { timeout: 10_000 };
const settings = { service: "test", logLevel: "silent", databasePoolSize: 2, handlerTimeoutMs: 30_000 };

async function open(databaseUrl: string, options = {}) {
  return openDatabase({ ...settings, databaseUrl, ...options });
}

test("a database that does not answer is named, without its password", async () => {
  const opening = open("postgres://user:hunter2@127.0.0.1:1/order");
  await expect(opening).rejects.toThrow("The database at 127.0.0.1:1/order does not answer");
});

test("a lost idle connection is replaced", async () => {
  await using place = await createTestDatabase();
  await using database = await open(place.url);
  await using other = await open(place.url, { service: "other" });
  await other.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'test'`,
  );
  await vi.waitUntil(() => database.pool.totalCount === 0, patience);
  await database.ping();
});

test("a connection lost inside a transaction fails that transaction only", async () => {
  await using place = await createTestDatabase();
  await using database = await open(place.url);
  await using other = await open(place.url, { service: "other" });
  const transaction = database.handle.transaction(async (tx) => {
    const { rows } = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
    await other.pool.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
    await vi.waitUntil(async () => {
      const left = await other.pool.query("select from pg_stat_activity where pid = $1", [rows[0]?.pid]);
      return left.rowCount === 0;
    }, patience);
    await tx.execute(sql`select 1`);
  });
  await expect(transaction).rejects.toThrow();
  await database.ping();
});

test("a transaction that pauses too long is ended by the database", async () => {
  await using place = await createTestDatabase();
  await using database = await open(place.url, { handlerTimeoutMs: 100 });
  await using other = await open(place.url, { service: "other" });
  const transaction = database.handle.transaction(async (tx) => {
    await tx.execute(sql`select 1`);
    const count = "select from pg_stat_activity where application_name = 'test'";
    await vi.waitUntil(async () => (await other.pool.query(count)).rowCount === 0, patience);
    await tx.execute(sql`select 1`);
  });
  await expect(transaction).rejects.toThrow();
});

test("whoever waited for a connection goes on in a context of his own", async () => {
  await using place = await createTestDatabase();
  await using database = await open(place.url, { databasePoolSize: 1 });
  const person = new AsyncLocalStorage<string>();
  const held = await person.run("holder", () => database.pool.connect());
  const { promise: taken, resolve } = Promise.withResolvers<string | undefined>();
  database.pool.connect((_error, _connection, release) => {
    resolve(person.getStore());
    release();
  });
  person.run("holder", () => held.release());
  expect(await taken).toBeUndefined();
});

test("who waits for a connection is counted, and each connection as used or idle", async () => {
  using pool = observePools();
  await using place = await createTestDatabase();
  await using database = await open(place.url);
  const held = [await database.pool.connect(), await database.pool.connect()];
  const waiting = database.pool.connect();
  const meanwhile = pool.observed();
  for (const connection of held) connection.release();
  (await waiting).release();
  expect(meanwhile).toEqual({ "count idle": 0, "count used": 2, pending_requests: 1 });
  expect(pool.observed()).toEqual({ "count idle": 2, "count used": 0, pending_requests: 0 });
});

test("a statement that takes too long is ended by the database", async () => {
  await using place = await createTestDatabase();
  await using database = await open(place.url, { handlerTimeoutMs: 100 });
  await expect(database.pool.query("select pg_sleep(20)")).rejects.toThrow("statement timeout");
});

test("connections lost before their transaction began do not wear the pool out", async () => {
  await using place = await createTestDatabase();
  await using database = await open(place.url);
  const lose = (connection: unknown) => (connection as { connection: { stream: Socket } }).connection.stream.destroy();
  database.pool.on("acquire", lose);
  for (let taken = 0; taken < settings.databasePoolSize; taken++) {
    await expect(database.handle.transaction(async (tx) => tx.execute(sql`select 1`))).rejects.toThrow();
  }
  database.pool.off("acquire", lose);
  await vi.waitUntil(() => database.pool.totalCount === 0, patience);
  await database.handle.transaction(async (tx) => tx.execute(sql`select 1`));
});

/** Until disposed, what each pool tells of its connections can be asked for, by metric and state. */
function observePools() {
  const names = new Map<Observable, string>();
  const callbacks: BatchObservableCallback[] = [];
  const meter = Object.assign(createNoopMeter(), {
    createObservableUpDownCounter(name: string) {
      const counter: Observable = { addCallback() {}, removeCallback() {} };
      names.set(counter, name.replace("db.client.connection.", ""));
      return counter;
    },
    addBatchObservableCallback: (callback: BatchObservableCallback) => void callbacks.push(callback),
  });
  metrics.setGlobalMeterProvider({ getMeter: () => meter });
  function observed(): Record<string, number> {
    const values: Record<string, number> = {};
    const observe: Parameters<BatchObservableCallback>[0]["observe"] = (counter, value, attributes = {}) => {
      values[[names.get(counter), ...Object.values(attributes)].join(" ")] = value;
    };
    for (const callback of callbacks) void callback({ observe });
    return values;
  }
  return { observed, [Symbol.dispose]: () => metrics.disable() };
}
