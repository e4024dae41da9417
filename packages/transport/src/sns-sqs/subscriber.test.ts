import { DeleteQueueCommand, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { createEnvelope, currentCause, type Envelope, RejectedError, serializeEnvelope } from "@throughline/envelope";
import { expect, test } from "vitest";
import { type Answer, type Call, eventually, openBench } from "./bench.ts";
import { account } from "./under-test.ts";

test.concurrent("a message is in the queue until its handler has succeeded", async () => {
  await using broker = await openBench();
  const handling = Promise.withResolvers<void>();
  const billing = await broker.listen(() => handling.promise);
  await broker.publish(orders(1));
  await eventually(() => expect(billing.begun).toHaveLength(1));
  expect(await broker.countsOf("billing")).toEqual({ visible: 0, inFlight: 1 });
  expect(broker.called("DeleteMessageBatch")).toEqual([]);
  handling.resolve();
  await eventually(async () => expect(await broker.countsOf("billing")).toEqual({ visible: 0, inFlight: 0 }));
});

test.concurrent("a handler that outlasts the visibility timeout keeps its message", async () => {
  await using broker = await openBench({ visibilityTimeoutSeconds: 6 });
  const handling = Promise.withResolvers<void>();
  const members = [await broker.listen(() => handling.promise), await broker.listen(() => handling.promise)];
  await broker.publish(orders(10));
  const extensions = () =>
    broker.called("ChangeMessageVisibilityBatch").flatMap(({ body }) => JSON.parse(body).Entries);
  // Three of each message, with 2 s between them at least, are behind the end of the first 6 s.
  await eventually(() => expect(extensions().length).toBeGreaterThanOrEqual(10 * 3));
  handling.resolve();
  await eventually(async () => expect(await broker.countsOf("billing")).toEqual({ visible: 0, inFlight: 0 }));
  expect(members.flatMap(({ begun }) => begun)).toHaveLength(10);
});

test.concurrent("a delete that SQS did not take is sent again, without another delivery", async () => {
  await using broker = await openBench();
  let refusals = 3;
  broker.proxy.intercept = (call) => (call.action === "DeleteMessageBatch" && refusals-- > 0 ? busy(call) : undefined);
  const billing = await broker.listen();
  await broker.publish(orders(5));
  await eventually(async () => expect(await broker.countsOf("billing")).toEqual({ visible: 0, inFlight: 0 }));
  expect(billing.begun).toHaveLength(5);
  expect(billing.failures).toEqual([]);
});

test.concurrent("deletes are gathered into batches", async () => {
  await using broker = await openBench();
  const billing = await broker.listen(undefined, { concurrency: 50 });
  await broker.publish(orders(200));
  await eventually(() => expect(billing.begun).toHaveLength(200));
  await eventually(async () => expect(await broker.countsOf("billing")).toEqual({ visible: 0, inFlight: 0 }));
  expect(broker.called("DeleteMessageBatch").length).toBeLessThan(100);
});

test.concurrent("no more is received than may begin", async () => {
  await using broker = await openBench();
  const handling = Promise.withResolvers<void>();
  const billing = await broker.listen(() => handling.promise, { concurrency: 12 });
  await broker.publish(orders(40));
  await eventually(async () => expect(await broker.countsOf("billing")).toEqual({ visible: 28, inFlight: 12 }));
  await eventually(() => expect(billing.begun).toHaveLength(12));
  handling.resolve();
  await eventually(() => expect(billing.begun).toHaveLength(40));
});

test.concurrent("a thousand messages reach two groups completely", { timeout: 60_000 }, async () => {
  await using broker = await openBench({ endpoint: account.endpoint });
  const groups = [
    await broker.listen(undefined, { group: "billing", concurrency: 100 }),
    await broker.listen(undefined, { group: "inventory", concurrency: 30 }),
  ];
  const sent = orders(1_000);
  await broker.publish(sent);
  for (const { begun } of groups) await eventually(() => expect(idsOf(begun)).toEqual(idsOf(sent)));
});

test.concurrent("a message that ended three processes is set aside by the queue", async () => {
  await using broker = await openBench();
  await broker.declare();
  await broker.publish(orders(1));
  const QueueUrl = await broker.stranger.queueUrl("billing");
  for (const _ of [1, 2, 3]) {
    const crash = new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0, WaitTimeSeconds: 1 });
    expect((await broker.stranger.sqs.send(crash)).Messages).toHaveLength(1);
  }
  const billing = await broker.listen();
  expect(await broker.stranger.take("billing-dlq", 1)).toHaveLength(1);
  expect(billing.begun).toEqual([]);
});

test.concurrent("attempts are counted by the queue, across processes", async () => {
  await using broker = await openBench();
  await broker.declare();
  await broker.publish(orders(1));
  const QueueUrl = await broker.stranger.queueUrl("billing");
  const receive = new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0, WaitTimeSeconds: 1 });
  for (const _ of [1, 2]) await broker.stranger.sqs.send(receive);
  const billing = await broker.listen(() => Promise.reject(new Error("still not")));
  await eventually(() => expect(billing.failures).toMatchObject([{ deadLettered: true }]));
});

test.concurrent("the trace of the attribute goes before that of the envelope", async () => {
  await using broker = await openBench();
  const traceparents: (string | undefined)[] = [];
  await broker.listen(async () => void traceparents.push(currentCause()?.traceparent));
  const [ofAttribute, ofEnvelope] = ["a", "b"].map((digit) => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`);
  const envelope = { ...order("order-1"), traceparent: ofEnvelope ?? "" };
  await broker.stranger.publish("order.created", serializeEnvelope(envelope), { traceparent: ofAttribute ?? "" });
  await eventually(() => expect(traceparents).toEqual([ofAttribute]));
  await broker.stranger.publish("order.created", serializeEnvelope(envelope));
  await eventually(() => expect(traceparents).toEqual([ofAttribute, ofEnvelope]));
});

test.concurrent("a dead letter says why, when and from where, beside its own attributes", async () => {
  await using broker = await openBench();
  await broker.listen(() => Promise.reject(new RejectedError("no such customer")));
  const body = serializeEnvelope(order("order-1"));
  const own = Object.fromEntries(["a", "b", "c", "d", "e", "f"].map((name) => [name, `${name} of the publisher`]));
  await broker.stranger.publish("order.created", body, own);

  const [letter] = await broker.stranger.take("billing-dlq", 1);
  const texts = Object.entries(letter?.MessageAttributes ?? {}).map(([name, { StringValue }]) => [name, StringValue]);
  expect(letter?.Body).toBe(body);
  const { "throughline.failure": failure, ...others } = Object.fromEntries(texts);
  expect(others).toEqual(own);
  expect(JSON.parse(failure)).toEqual({
    name: "RejectedError",
    message: "no such customer",
    stack: expect.stringContaining("no such customer"),
    failedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    attempts: 1,
    sourceQueue: `${broker.namespace}-billing`,
  });
});

test.concurrent("beside a body that nearly fills a message stands as much of the reason as fits", async () => {
  await using broker = await openBench();
  await broker.listen();
  const { sqs, queueUrl, take } = broker.stranger;
  const MessageBody = "x".repeat(1_024 * 1_024 - 512);
  await sqs.send(new SendMessageCommand({ QueueUrl: await queueUrl("billing"), MessageBody }));
  const [letter] = await take("billing-dlq", 1);
  expect(letter?.Body).toBe(MessageBody);
  const { "throughline.failure": failure } = letter?.MessageAttributes ?? {};
  expect(JSON.parse(failure?.StringValue ?? "")).toEqual({
    name: "RejectedError",
    message: "This is no envelope: 1048064 characters that are not JSON",
  });
});

test.concurrent("a dead letter that cannot be written stays in the queue until it can", async () => {
  await using broker = await openBench();
  broker.proxy.intercept = ({ action }) => (action === "SendMessage" ? "down" : undefined);
  const billing = await broker.listen(() => Promise.reject(new RejectedError("never")));
  await broker.publish(orders(1));
  await eventually(() => expect(billing.failures).toHaveLength(1));
  expect(billing.failures[0]?.error.message).toBe("Not written to the dead letters: never");
  expect(billing.failures[0]?.deadLettered).toBe(false);

  broker.proxy.intercept = () => undefined;
  await eventually(() => expect(billing.failures.at(-1)?.deadLettered).toBe(true));
  expect(await broker.stranger.take("billing-dlq", 1)).toHaveLength(1);
});

test.concurrent("while SQS is away nothing ends, and when it is back it goes on", async () => {
  await using broker = await openBench();
  const billing = await broker.listen();
  broker.proxy.intercept = ({ action }) => (action === "ReceiveMessage" ? "down" : undefined);
  await broker.publish(orders(3));
  await eventually(() => expect(billing.failures.length).toBeGreaterThan(1));
  expect(billing.failures[0]?.error.message).toMatch(/^Nothing can be received from .*-billing now$/);

  broker.proxy.intercept = () => undefined;
  await eventually(() => expect(billing.begun).toHaveLength(3));
});

test.concurrent("a queue that was deleted is declared again", async () => {
  await using broker = await openBench();
  const billing = await broker.listen();
  const QueueUrl = await broker.stranger.queueUrl("billing");
  await broker.stranger.sqs.send(new DeleteQueueCommand({ QueueUrl }));
  await eventually(() => broker.stranger.queueUrl("billing"));
  await broker.publish(orders(3));
  await eventually(() => expect(billing.begun).toHaveLength(3));
});

test.concurrent("a group has one subscription per subscriber", async () => {
  await using broker = await openBench();
  const subscriber = await broker.connect();
  await broker.listen(undefined, {}, subscriber);
  await expect(broker.listen(undefined, { types: ["order.cancelled"] }, subscriber)).rejects.toThrow(
    "billing has a subscription here already: give it all types of the group",
  );
});

test.concurrent("a type that nobody here handles is left to other processes, then set aside", async () => {
  await using broker = await openBench();
  await broker.declare(["order.created", "order.cancelled"], 2);
  const billing = await broker.listen(undefined, { attempts: 2 });
  await broker.publish(orders(1, "order.cancelled"));
  await eventually(() => expect(billing.failures.map(({ deadLettered }) => deadLettered)).toEqual([false, true]));
  expect(billing.failures[0]?.error.message).toBe("billing has no subscription to order.cancelled in this process");
});

test.concurrent("a subscriber that leaves does not wait for its long poll", { timeout: 10_000 }, async () => {
  await using broker = await openBench({ waitTimeSeconds: 20 });
  const subscriber = await broker.connect();
  await broker.listen(undefined, {}, subscriber);
  await eventually(() => expect(broker.called("ReceiveMessage")).toHaveLength(1));
  await subscriber[Symbol.asyncDispose]();
});

test.concurrent("a closed subscriber takes no subscription", async () => {
  await using broker = await openBench();
  const subscriber = await broker.connect();
  await subscriber[Symbol.asyncDispose]();
  await expect(broker.listen(undefined, {}, subscriber)).rejects.toThrow("This subscriber is closed");
});

function orders(count: number, type = "order.created"): Envelope[] {
  return Array.from({ length: count }, (_, n) => order(`order-${n + 1}`, type));
}

function order(key: string, type = "order.created"): Envelope {
  return createEnvelope({ type, version: "1", key, data: {} }, { source: "test" });
}

function idsOf(envelopes: readonly Envelope[]): string[] {
  return envelopes.map(({ id }) => id).sort();
}

/** SQS's answer to a batch of which it took nothing, this time. */
function busy({ body }: Call): Answer {
  const { Entries } = JSON.parse(body) as { readonly Entries: readonly { readonly Id: string }[] };
  const Failed = Entries.map(({ Id }) => ({ Id, SenderFault: false, Code: "InternalError", Message: "busy" }));
  return { status: 200, contentType: "application/x-amz-json-1.0", body: JSON.stringify({ Failed }) };
}
