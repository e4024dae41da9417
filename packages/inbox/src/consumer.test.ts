import { setTimeout as delay } from "node:timers/promises";
import { currentCause, RejectedError } from "@throughline/envelope";
import { connect } from "@throughline/local/testing";
import { query, type Transaction } from "@throughline/log";
import type { Failure } from "@throughline/transport";
import { createMemoryLine, memoryTransport } from "@throughline/transport/memory";
import { startLine } from "@throughline/transport/testing";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type ConsumerOptions, on, type Reaction, startConsumer } from "./index.ts";
import { addEffect, barrier, effectsOf, note, noted, openTestInbox, publish, remembered, until } from "./test-inbox.ts";

let inbox: Awaited<ReturnType<typeof openTestInbox>>;
beforeAll(async () => {
  inbox = await openTestInbox();
});
afterAll(() => inbox[Symbol.asyncDispose]());

let groups = 0;
/** A group of its own on a broker of its own; the reactions are told its name. */
async function startGroup(reactionsOf: (group: string) => Reaction[], options: Partial<ConsumerOptions> = {}) {
  const group = `group-${groups++}`;
  const transport = memoryTransport();
  const failures: Failure[] = [];
  const consumer = await startConsumer(inbox.database, group, reactionsOf(group), {
    from: [transport],
    attempts: 1,
    onFailure: (failure) => failures.push(failure),
    ...options,
  });
  return { group, transport, consumer, failures, [Symbol.asyncDispose]: () => consumer[Symbol.asyncDispose]() };
}

/** Messages of keys of their own, which may all be in flight at once. */
const notes = (count: number) => Array.from({ length: count }, (_, index) => note(`${index}`));

/** The transaction of each message, to see who committed together. */
const transactions = (group: string) =>
  on(noted, async (message, tx) => {
    if (message.data.text === "poison") throw new Error("cannot swallow that");
    await addTransactionId(tx, group);
  });

async function addTransactionId(tx: Transaction, consumer: string): Promise<void> {
  const text = "insert into effects (consumer, note) values ($1, pg_current_xact_id()::text)";
  await query(tx, "add-transaction-id", text, [consumer]);
}

test("messages in flight commit together", async () => {
  await using started = await startGroup((group) => [transactions(group)]);
  await publish(started.transport, notes(100));
  await until(() => started.consumer.status().handled === 100);
  const transactionIds = await effectsOf(inbox.database, started.group);
  expect(transactionIds).toHaveLength(100);
  expect(new Set(transactionIds).size).toBeLessThanOrEqual(3);
  expect(await remembered(inbox.database, started.group)).toBe(100);
});

test("effects of different keys run side by side where that is allowed, and commit together", async () => {
  const meet = barrier(2);
  const reaction = (group: string) =>
    on(noted, async (_, tx) => {
      await meet();
      await addTransactionId(tx, group);
    });
  await using started = await startGroup((group) => [reaction(group)], { keysSideBySide: true });
  await publish(started.transport, notes(2));
  await until(() => started.consumer.status().handled === 2);
  expect(new Set(await effectsOf(inbox.database, started.group)).size).toBe(1);
});

test("one poison beside fifty others fails alone", async () => {
  await using started = await startGroup((group) => [transactions(group)], { keysSideBySide: true });
  await publish(started.transport, [...notes(25), note("poison"), ...notes(24)]);
  await until(() => started.consumer.status().handled === 49 && started.failures.length === 1);
  expect(await effectsOf(inbox.database, started.group)).toHaveLength(49);
  expect(await remembered(inbox.database, started.group)).toBe(49);
});

test("a batch has a limit", async () => {
  await using started = await startGroup((group) => [transactions(group)], { batchSize: 10 });
  await publish(started.transport, notes(100));
  await until(() => started.consumer.status().handled === 100);
  expect(new Set(await effectsOf(inbox.database, started.group)).size).toBeGreaterThanOrEqual(10);
});

test("one poison in a batch of fifty fails alone", async () => {
  await using started = await startGroup((group) => [transactions(group)]);
  const poison = note("poison");
  await publish(started.transport, [...notes(25), poison, ...notes(24)]);
  await until(() => started.consumer.status().handled === 49 && started.failures.length === 1);
  expect(started.failures).toMatchObject([{ envelope: { id: poison.id }, deadLettered: true }]);
  expect(started.consumer.status()).toMatchObject({ handled: 49, failed: 0, deadLettered: 1, duplicates: 0 });
  expect(await effectsOf(inbox.database, started.group)).toHaveLength(49);
  expect(await remembered(inbox.database, started.group)).toBe(49);
});

test("one that swallows a failed statement fails alone, and takes nobody's effect with it", async () => {
  await using started = await startGroup((group) => [
    on(noted, async (message, tx) => {
      await addEffect(tx, group, message.data.text);
      if (message.data.text === "7") await query(tx, "divide", "select 1 / length($1::text)", [""]).catch(() => []);
    }),
  ]);
  await publish(started.transport, notes(20));
  await until(() => started.consumer.status().handled === 19 && started.failures.length === 1);
  expect(await effectsOf(inbox.database, started.group)).toHaveLength(19);
  expect(await remembered(inbox.database, started.group)).toBe(19);
});

test("duplicates inside one batch are handled once", async () => {
  await using started = await startGroup((group) => [transactions(group)]);
  const envelope = note("a");
  const copies = Array.from({ length: 16 }, (_, index) => ({ ...envelope, key: `k-${index}` }));
  await publish(started.transport, copies);
  await until(() => started.consumer.status().duplicates === 15);
  expect(await effectsOf(inbox.database, started.group)).toHaveLength(1);
});

test("two consumers of one group have one effect, whichever gets the copy", async () => {
  await using started = await startGroup((group) => [transactions(group)]);
  const other = memoryTransport();
  const options = { from: [other] };
  await using second = await startConsumer(inbox.database, started.group, [transactions(started.group)], options);
  const envelopes = notes(200);
  await Promise.all([publish(started.transport, envelopes), publish(other, envelopes.toReversed())]);
  const sum = (of: "handled" | "duplicates") => started.consumer.status()[of] + second.status()[of];
  await until(() => sum("handled") + sum("duplicates") === 400);
  expect({ handled: sum("handled"), failures: started.failures }).toEqual({ handled: 200, failures: [] });
  expect(await effectsOf(inbox.database, started.group)).toHaveLength(200);
});

test("the messages of one key keep their order", async () => {
  await using started = await startGroup((group) => [
    on(noted, (message, tx) => addEffect(tx, group, `${message.key} ${message.data.text}`)),
  ]);
  const keys = ["x", "y", "z"];
  const envelopes = Array.from({ length: 60 }, (_, index) => note(`${index}`, keys[index % 3]));
  await publish(started.transport, envelopes);
  await until(() => started.consumer.status().handled === 60);
  const effects = await effectsOf(inbox.database, started.group);
  for (const [index, key] of keys.entries()) {
    const texts = effects.filter((effect) => effect.startsWith(key)).map((effect) => effect.slice(2));
    expect(texts).toEqual(Array.from({ length: 20 }, (_, number) => `${number * 3 + index}`));
  }
});

test("each message of a batch is the cause of what its handler tells", async () => {
  await using started = await startGroup((group) => [
    on(noted, async (message, tx) => {
      await addEffect(tx, group, "before");
      const cause = currentCause();
      if (cause?.id !== message.id || cause.correlationId !== message.correlationId) throw new Error("a wrong cause");
    }),
  ]);
  await publish(started.transport, notes(50));
  await until(() => started.consumer.status().inFlight === 0 && started.consumer.status().handled > 0);
  await until(() => started.consumer.status().handled + started.failures.length === 50);
  expect(started.failures).toEqual([]);
});

test("an unknown type or version, and data that breaks the contract, are rejected in a sentence", async () => {
  await using started = await startGroup((group) => [
    transactions(group),
    { ...transactions(group), type: "note.deleted", version: "2" },
  ]);
  const wrong = [
    { ...note("a"), version: "2" },
    { ...note("a"), type: "note.deleted" },
    { ...note("a"), data: { text: 7 } },
  ];
  await publish(started.transport, [...wrong, note("right")]);
  await until(() => started.failures.length === 3 && started.consumer.status().handled === 1);
  expect(started.failures.map(({ error }) => error.message).sort()).toEqual([
    `Consumer ${started.group} has no reaction to note.deleted version 1`,
    `Consumer ${started.group} has no reaction to note.written version 2`,
    "Not a note",
  ]);
  for (const { error } of started.failures) expect(error).toBeInstanceOf(RejectedError);
});

test("a message older than the inbox remembers is set aside with that reason", async () => {
  await using started = await startGroup((group) => [transactions(group)], { retentionDays: 20, attempts: 3 });
  await publish(started.transport, [{ ...note("a"), timestamp: "2020-01-01T00:00:00.000Z" }]);
  await until(() => started.failures.length === 1);
  expect(started.failures[0]?.error.message).toContain("older than the inbox remembers (20 days)");
  expect(started.consumer.status().deadLettered).toBe(1);
});

test("a handler that fails once has its effect at the second attempt", async () => {
  let attempts = 0;
  const reactionsOf = (group: string) => [
    on(noted, async (message, tx) => {
      await addEffect(tx, group, message.data.text);
      attempts += 1;
      if (attempts === 1) throw new Error("not yet");
    }),
  ];
  await using started = await startGroup(reactionsOf, { attempts: 2, retryDelayMs: 1 });
  await publish(started.transport, [note("a")]);
  await until(() => started.consumer.status().handled === 1);
  expect(started.consumer.status()).toMatchObject({ failed: 1, deadLettered: 0 });
  expect(await effectsOf(inbox.database, started.group)).toEqual(["a"]);
});

test("killed database connections cost no attempt", async () => {
  let kills = 0;
  await using started = await startGroup((group) => [
    on(noted, async (message, tx) => {
      await addEffect(tx, group, message.data.text);
      if (message.data.text !== "3" || kills > 0) return;
      kills += 1;
      await query(tx, "kill", "select pg_terminate_backend(pg_backend_pid())", []);
    }),
  ]);
  await publish(started.transport, notes(10));
  await until(() => started.consumer.status().handled === 10);
  expect({ failures: started.failures, kills }).toEqual({ failures: [], kills: 1 });
  expect(await effectsOf(inbox.database, started.group)).toHaveLength(10);
});

test("a database that is away for longer than all attempts together costs none", async () => {
  const { hostname, port } = new URL(inbox.url);
  await using line = await startLine({ host: hostname, port: Number(port) });
  const url = Object.assign(new URL(inbox.url), { port: `${line.port}` }).href;
  await using far = connect(url);
  const group = `group-${groups++}`;
  const transport = memoryTransport();
  const failures: Failure[] = [];
  const reaction = on(noted, (message, tx) => addEffect(tx, group, message.data.text));
  await using consumer = await startConsumer(far.database, group, [reaction], {
    from: [transport],
    attempts: 1,
    timeoutMs: 1_500,
    onFailure: (failure) => failures.push(failure),
  });
  line.cut();
  await publish(transport, notes(3));
  await until(() => consumer.status().inFlight === 3);
  // Several times as long as a handler may take: that is what the attempts of a message would be over in.
  await delay(4_000);
  line.heal();
  await until(() => consumer.status().handled === 3);
  expect(failures.filter(({ envelope }) => envelope !== undefined)).toEqual([]);
  expect(await effectsOf(inbox.database, group)).toHaveLength(3);
});

test("two batches that deadlock end one by one, and cost no attempt", async () => {
  await inbox.database.execute("create table counters (id text primary key, value integer)");
  await inbox.database.execute("insert into counters values ('left', 0), ('right', 0)");
  const bothHoldOne = barrier(2);
  const reaction = on(noted, async (message, tx) => {
    await query(tx, "count", "update counters set value = value + 1 where id = $1", [message.data.text]);
    await addTransactionId(tx, "deadlocked");
    await bothHoldOne();
  });
  await using one = await startGroup(() => [reaction]);
  await using two = await startGroup(() => [reaction]);
  await Promise.all([
    publish(one.transport, [note("left", "a"), note("right", "b")]),
    publish(two.transport, [note("right", "a"), note("left", "b")]),
  ]);
  await until(() => one.consumer.status().handled + two.consumer.status().handled === 4);
  expect([...one.failures, ...two.failures]).toEqual([]);
  const { rows } = await inbox.database.execute("select value from counters");
  expect(rows).toEqual([{ value: 2 }, { value: 2 }]);
  expect(new Set(await effectsOf(inbox.database, "deadlocked")).size).toBe(3);
});

test.each([
  ["", (tx: Transaction, write: (tx: Transaction) => Promise<void>) => write(tx)],
  [" in a savepoint", (tx: Transaction, write: (tx: Transaction) => Promise<void>) => tx.transaction(write)],
])("one that hangs%s fails alone, and can write nothing when it wakes up", async (_, run) => {
  const wake = Promise.withResolvers<void>();
  const woken = Promise.withResolvers<unknown[]>();
  const reactionsOf = (group: string) => [
    on(noted, async ({ data: { text } }, tx) => {
      if (text !== "3") return await addEffect(tx, group, text);
      const errors: unknown[] = [];
      const keep = (error: unknown) => {
        errors.push(error);
        throw error;
      };
      const ran = run(tx, async (inner) => {
        // Made while it might yet be sent.
        const later = inner.execute("insert into effects (consumer, note) values ('late', 'late')");
        await wake.promise;
        await Promise.allSettled([addEffect(inner, group, text).catch(keep), later.catch(keep)]);
        await addEffect(inner, group, text);
      }).catch(keep);
      await ran.finally(() => woken.resolve(errors));
    }),
  ];
  await using started = await startGroup(reactionsOf, { timeoutMs: 3_000 });
  await publish(started.transport, notes(10));
  await until(() => started.consumer.status().handled + started.failures.length === 10);
  expect(started.failures.map(({ error }) => error.message)).toEqual([expect.stringContaining("longer than 1000 ms")]);
  wake.resolve();
  const errors = await woken.promise;
  expect(errors).toHaveLength(3);
  for (const error of errors) expect(String((error as Error).cause)).toContain("Its transaction has ended");
  expect(await effectsOf(inbox.database, started.group)).toHaveLength(9);
  expect(await effectsOf(inbox.database, "late")).toEqual([]);
});

test("a road whose broker is away at the start is told once, and listened to when it comes", async () => {
  const line = createMemoryLine();
  line.cut();
  await using started = await startGroup((group) => [transactions(group)], { from: [memoryTransport({ line })] });
  const { group, consumer, failures } = started;
  expect(failures.map(({ error }) => error.message)).toEqual([`Consumer ${group} waits for memory`]);
  expect(await consumer.backlog()).toMatchObject([{ road: "memory", reason: "The broker cannot be reached" }]);
  line.heal();
  await vi.waitUntil(async () => (await consumer.backlog())[0]?.reason === undefined, { timeout: 20_000 });
  expect({ failures: failures.length, status: consumer.status() }).toMatchObject({
    failures: 1,
    status: { failed: 0 },
  });
});

test("a consumer that still waits for its broker can be closed", async () => {
  const line = createMemoryLine();
  line.cut();
  const started = await startGroup((group) => [transactions(group)], { from: [memoryTransport({ line })] });
  await started[Symbol.asyncDispose]();
});

test("closing waits for what is in flight", async () => {
  const handling = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const started = await startGroup((group) => [
    on(noted, async (message, tx) => {
      handling.resolve();
      await finish.promise;
      await addEffect(tx, group, message.data.text);
    }),
  ]);
  await publish(started.transport, [note("a")]);
  await handling.promise;
  const closed = started.consumer[Symbol.asyncDispose]();
  finish.resolve();
  await closed;
  expect(await effectsOf(inbox.database, started.group)).toEqual(["a"]);
});

test("two reactions to one message, or no transport, are refused at the start", async () => {
  const reaction = on(noted, async () => undefined);
  const from = [memoryTransport()];
  const twice = startConsumer(inbox.database, "twice", [reaction, reaction], { from });
  await expect(twice).rejects.toThrow("Consumer twice has two reactions to note.written version 1");
  await expect(startConsumer(inbox.database, "deaf", [reaction], { from: [] })).rejects.toThrow(
    "listens to no transport",
  );
});
