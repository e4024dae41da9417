import { RejectedError } from "@throughline/envelope";
import { query, type Transaction } from "@throughline/log";
import { is } from "drizzle-orm";
import { PgTransaction } from "drizzle-orm/pg-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { handleOnce } from "./index.ts";
import { addEffect, barrier, effectsOf, note, openTestInbox, remembered } from "./test-inbox.ts";

let inbox: Awaited<ReturnType<typeof openTestInbox>>;
beforeAll(async () => {
  inbox = await openTestInbox();
});
afterAll(() => inbox[Symbol.asyncDispose]());

let consumers = 0;
const newConsumer = () => `consumer-${consumers++}`;
const daysAgo = (days: number) => new Date(Date.now() - days * 24 * 60 * 60 * 1_000).toISOString();

test("a redelivery is handled once", async () => {
  const consumer = newConsumer();
  const envelope = note("a");
  const handle = (tx: Transaction) => addEffect(tx, consumer, "a");
  expect(await handleOnce(inbox.database, consumer, envelope, handle)).toBe("handled");
  expect(await handleOnce(inbox.database, consumer, envelope, handle)).toBe("duplicate");
  expect(await effectsOf(inbox.database, consumer)).toEqual(["a"]);
});

test("an id is the same in capitals", async () => {
  const consumer = newConsumer();
  const envelope = note("a");
  const handle = (tx: Transaction) => addEffect(tx, consumer, "a");
  const capitals = { ...envelope, id: envelope.id.toUpperCase() };
  expect(await handleOnce(inbox.database, consumer, capitals, handle)).toBe("handled");
  expect(await handleOnce(inbox.database, consumer, envelope, handle)).toBe("duplicate");
});

test("sixteen concurrent duplicates have one effect", async () => {
  const consumer = newConsumer();
  const envelope = note("a");
  const handle = () => handleOnce(inbox.database, consumer, envelope, (tx) => addEffect(tx, consumer, "a"));
  const outcomes = await Promise.all(Array.from({ length: 16 }, handle));
  expect(outcomes.filter((outcome) => outcome === "handled")).toHaveLength(1);
  expect(await effectsOf(inbox.database, consumer)).toEqual(["a"]);
});

test("a duplicate that waited takes over when the first rolls back", async () => {
  const consumer = newConsumer();
  const envelope = note("a");
  const started = Promise.withResolvers<void>();
  const fail = Promise.withResolvers<void>();
  const first = handleOnce(inbox.database, consumer, envelope, async (tx) => {
    await addEffect(tx, consumer, "first");
    started.resolve();
    await fail.promise;
  });
  await started.promise;
  const second = handleOnce(inbox.database, consumer, envelope, (tx) => addEffect(tx, consumer, "second"));
  fail.reject(new Error("changed my mind"));
  await expect(first).rejects.toThrow("changed my mind");
  expect(await second).toBe("handled");
  expect(await effectsOf(inbox.database, consumer)).toEqual(["second"]);
});

test("a handler that throws leaves neither effect nor row", async () => {
  const consumer = newConsumer();
  const failing = handleOnce(inbox.database, consumer, note("a"), async (tx) => {
    await addEffect(tx, consumer, "a");
    throw new Error("changed my mind");
  });
  await expect(failing).rejects.toThrow("changed my mind");
  expect(await effectsOf(inbox.database, consumer)).toEqual([]);
  expect(await remembered(inbox.database, consumer)).toBe(0);
});

test("a handler that swallows a failed statement fails all the same", async () => {
  const consumer = newConsumer();
  const failing = handleOnce(inbox.database, consumer, note("a"), async (tx) => {
    await addEffect(tx, consumer, "a");
    await query(tx, "divide", "select 1 / length($1::text)", [""]).catch(() => []);
  });
  await expect(failing).rejects.toThrow("Postgres rolled it back, since one of its statements had failed");
  expect(await remembered(inbox.database, consumer)).toBe(0);
});

test("a handler may undo a part of its work, and go on", async () => {
  const consumer = newConsumer();
  await handleOnce(inbox.database, consumer, note("a"), async (tx) => {
    expect(is(tx, PgTransaction)).toBe(true);
    const part = tx.transaction(async (savepoint) => {
      await addEffect(savepoint, consumer, "undone");
      await query(savepoint, "divide", "select 1 / length($1::text)", [""]);
    });
    await expect(part).rejects.toThrow("division by zero");
    await addEffect(tx, consumer, "kept");
  });
  expect(await effectsOf(inbox.database, consumer)).toEqual(["kept"]);
});

test("the same message has an effect in each consumer", async () => {
  const [billing, inventory] = [newConsumer(), newConsumer()];
  const envelope = note("a");
  for (const consumer of [billing, inventory]) {
    await handleOnce(inbox.database, consumer, envelope, (tx) => addEffect(tx, consumer, "a"));
  }
  expect(await effectsOf(inbox.database, billing)).toEqual(["a"]);
  expect(await effectsOf(inbox.database, inventory)).toEqual(["a"]);
});

test("a message older than the inbox remembers is refused, one that it just remembers is handled", async () => {
  const consumer = newConsumer();
  const handle = async () => undefined;
  const forgotten = { ...note("a"), timestamp: daysAgo(30.001) };
  const refused = handleOnce(inbox.database, consumer, forgotten, handle);
  await expect(refused).rejects.toThrow(RejectedError);
  await expect(refused).rejects.toThrow("older than the inbox remembers (30 days)");
  const old = { ...note("b"), timestamp: daysAgo(29.999) };
  expect(await handleOnce(inbox.database, consumer, old, handle)).toBe("handled");
  expect(await handleOnce(inbox.database, consumer, old, handle)).toBe("duplicate");
});

test("deadlocked handlers are tried again until both have their effect", async () => {
  const consumer = newConsumer();
  await inbox.database.execute("create table counters (id text primary key, value integer)");
  await inbox.database.execute("insert into counters values ('left', 0), ('right', 0)");
  const bothHoldOne = barrier(2);
  const count = (first: string, second: string) => async (tx: Transaction) => {
    const increment = "update counters set value = value + 1 where id = $1";
    await query(tx, "increment", increment, [first]);
    await bothHoldOne();
    await query(tx, "increment", increment, [second]);
  };
  await Promise.all([
    handleOnce(inbox.database, consumer, note("a"), count("left", "right")),
    handleOnce(inbox.database, consumer, note("b"), count("right", "left")),
  ]);
  const { rows } = await inbox.database.execute("select value from counters");
  expect(rows).toEqual([{ value: 2 }, { value: 2 }]);
});
