import { currentCause } from "@throughline/envelope";
import { createMemoryLine, memoryTransport } from "@throughline/transport/memory";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { on, startConsumer } from "./index.ts";
import {
  addEffect,
  addTransactionId,
  barrier,
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

test("messages in flight commit together", async () => {
  await using started = await startGroup(inbox.database, (group) => [transactions(group)]);
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
  await using started = await startGroup(inbox.database, (group) => [reaction(group)], { keysSideBySide: true });
  await publish(started.transport, notes(2));
  await until(() => started.consumer.status().handled === 2);
  expect(new Set(await effectsOf(inbox.database, started.group)).size).toBe(1);
});

test("a batch has a limit", async () => {
  await using started = await startGroup(inbox.database, (group) => [transactions(group)], { batchSize: 10 });
  await publish(started.transport, notes(100));
  await until(() => started.consumer.status().handled === 100);
  expect(new Set(await effectsOf(inbox.database, started.group)).size).toBeGreaterThanOrEqual(10);
});

test("duplicates inside one batch are handled once", async () => {
  await using started = await startGroup(inbox.database, (group) => [transactions(group)]);
  const envelope = note("a");
  const copies = Array.from({ length: 16 }, (_, index) => ({ ...envelope, key: `k-${index}` }));
  await publish(started.transport, copies);
  await until(() => started.consumer.status().duplicates === 15);
  expect(await effectsOf(inbox.database, started.group)).toHaveLength(1);
});

test("two consumers of one group have one effect, whichever gets the copy", async () => {
  await using started = await startGroup(inbox.database, (group) => [transactions(group)]);
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
  await using started = await startGroup(inbox.database, (group) => [
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
  await using started = await startGroup(inbox.database, (group) => [
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

test("a road whose broker is away at the start is told once, and listened to when it comes", async () => {
  const line = createMemoryLine();
  line.cut();
  await using started = await startGroup(inbox.database, (group) => [transactions(group)], {
    from: [memoryTransport({ line })],
  });
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
  const started = await startGroup(inbox.database, (group) => [transactions(group)], {
    from: [memoryTransport({ line })],
  });
  await started[Symbol.asyncDispose]();
});

test("closing waits for what is in flight", async () => {
  const handling = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const started = await startGroup(inbox.database, (group) => [
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
