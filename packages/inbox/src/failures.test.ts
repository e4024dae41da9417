import { RejectedError } from "@throughline/envelope";
import { query, type Transaction } from "@throughline/log";
import { afterAll, beforeAll, expect, test } from "vitest";
import { on } from "./index.ts";
import {
  addEffect,
  effectsOf,
  note,
  noted,
  notes,
  openTestInbox,
  publish,
  remembered,
  startGroup,
  transactions,
  until,
} from "./test-inbox.ts";

let inbox: Awaited<ReturnType<typeof openTestInbox>>;
beforeAll(async () => {
  inbox = await openTestInbox();
});
afterAll(() => inbox[Symbol.asyncDispose]());

test("one poison beside fifty others fails alone", async () => {
  await using started = await startGroup(inbox.database, (group) => [transactions(group)], { keysSideBySide: true });
  await publish(started.transport, [...notes(25), note("poison"), ...notes(24)]);
  await until(() => started.consumer.status().handled === 49 && started.failures.length === 1);
  expect(await effectsOf(inbox.database, started.group)).toHaveLength(49);
  expect(await remembered(inbox.database, started.group)).toBe(49);
});

test("one poison in a batch of fifty fails alone", async () => {
  await using started = await startGroup(inbox.database, (group) => [transactions(group)]);
  const poison = note("poison");
  await publish(started.transport, [...notes(25), poison, ...notes(24)]);
  await until(() => started.consumer.status().handled === 49 && started.failures.length === 1);
  expect(started.failures).toMatchObject([{ envelope: { id: poison.id }, deadLettered: true }]);
  expect(started.consumer.status()).toMatchObject({ handled: 49, failed: 0, deadLettered: 1, duplicates: 0 });
  expect(await effectsOf(inbox.database, started.group)).toHaveLength(49);
  expect(await remembered(inbox.database, started.group)).toBe(49);
});

test("one that swallows a failed statement fails alone, and takes nobody's effect with it", async () => {
  await using started = await startGroup(inbox.database, (group) => [
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

test("an unknown type or version, and data that breaks the contract, are rejected in a sentence", async () => {
  await using started = await startGroup(inbox.database, (group) => [
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
  await using started = await startGroup(inbox.database, (group) => [transactions(group)], {
    retentionDays: 20,
    attempts: 3,
  });
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
  await using started = await startGroup(inbox.database, reactionsOf, { attempts: 2, retryDelayMs: 1 });
  await publish(started.transport, [note("a")]);
  await until(() => started.consumer.status().handled === 1);
  expect(started.consumer.status()).toMatchObject({ failed: 1, deadLettered: 0 });
  expect(await effectsOf(inbox.database, started.group)).toEqual(["a"]);
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
  await using started = await startGroup(inbox.database, reactionsOf, { timeoutMs: 3_000 });
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
