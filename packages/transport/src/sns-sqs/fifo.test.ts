import { CreateTopicCommand, GetTopicAttributesCommand } from "@aws-sdk/client-sns";
import { ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { createEnvelope, type Envelope, RejectedError, serializeEnvelope } from "@throughline/envelope";
import { expect, test } from "vitest";
import { groupIdOf } from "./attributes.ts";
import { type Answer, type Call, openBench } from "./bench.ts";
import { createStranger } from "./under-test.ts";

test.concurrent("a stranger finds key and id as group and deduplication id, under names that end in .fifo", async () => {
  await using broker = await openBench({ fifo: true });
  await broker.declare();
  const envelope = order("order-1", 1);
  await broker.publish([envelope]);

  const QueueUrl = await broker.stranger.queueUrl("billing");
  const wish = { QueueUrl, WaitTimeSeconds: 5, MessageSystemAttributeNames: ["All" as const] };
  const { Messages = [] } = await broker.stranger.sqs.send(new ReceiveMessageCommand(wish));
  expect(QueueUrl).toMatch(new RegExp(`/${broker.namespace}-billing\\.fifo$`));
  expect(Messages).toMatchObject([
    {
      Body: serializeEnvelope(envelope),
      Attributes: { MessageGroupId: "order-1", MessageDeduplicationId: envelope.id },
    },
  ]);
});

test.concurrent("topic and queue are throttled by key, also a topic that was there and is not", async () => {
  await using broker = await openBench({ fifo: true });
  const Attributes = { FifoTopic: "true", FifoThroughputScope: "Topic" };
  const Name = `${broker.namespace}-order-created.fifo`;
  const { TopicArn } = await broker.stranger.sns.send(new CreateTopicCommand({ Name, Attributes }));
  // The emulator keeps this attribute, and lets nobody change it.
  const changed = { status: 200, contentType: "text/xml", body: "<SetTopicAttributesResponse/>" };
  broker.proxy.intercept = ({ action }) => (action === "SetTopicAttributes" ? changed : undefined);
  await broker.declare(["order.created", "order.cancelled"]);

  expect(broker.called("SetTopicAttributes").map(({ body }) => Object.fromEntries(new URLSearchParams(body)))).toEqual([
    expect.objectContaining({ TopicArn, AttributeName: "FifoThroughputScope", AttributeValue: "MessageGroup" }),
  ]);
  const made = new GetTopicAttributesCommand({ TopicArn: TopicArn?.replace("created", "cancelled") });
  expect((await broker.stranger.sns.send(made)).Attributes).toMatchObject({ FifoThroughputScope: "MessageGroup" });
  expect(await broker.stranger.attributesOf("billing")).toMatchObject({
    DeduplicationScope: "messageGroup",
    FifoThroughputLimit: "perMessageGroupId",
  });
});

test("a key that AWS would refuse as a group id is ordered by its digest", () => {
  expect(groupIdOf("order-1")).toBe("order-1");
  for (const key of ["Bestellung 1", "日本語", "x".repeat(129)]) expect(groupIdOf(key)).toMatch(/^[0-9a-f]{64}$/);
});

test.concurrent("a message published twice is handled once", async () => {
  await using broker = await openBench({ fifo: true });
  const billing = await broker.listen();
  const [first, second] = [order("order-1", 1), order("order-1", 2)];
  await broker.publish([first]);
  await broker.publish([first, second]);
  await broker.eventually(() => expect(stepsOf(billing.begun)).toEqual([1, 2]));
});

test.concurrent("no batch has two messages of one key, because SNS may take the second alone", async () => {
  await using broker = await openBench({ fifo: true });
  await broker.publish([order("order-1", 1), order("order-2", 1), order("order-1", 2), order("order-2", 2)]);
  const sizes = broker.called("PublishBatch").map(({ body }) => body.match(/\.Id=/g)?.length);
  expect(sizes).toEqual([2, 2]);
});

// AWS gives as many of a group as it can with one receive, and the emulator one: here the proxy answers as AWS does.
test.concurrent("several of a group that come together are handled in order, also when the first is tried again", async () => {
  await using broker = await openBench({ fifo: true });
  const sent = [1, 2, 3].map((n) => order("order-1", n));
  const aws = answerAsAws(sent, "order-1");
  broker.proxy.intercept = aws.intercept;
  let failures = 0;
  const billing = await broker.listen(async ({ sequence }) => {
    if (sequence === 1 && failures++ === 0) throw new Error("once");
  });
  await broker.eventually(() => expect(aws.deleted).toEqual(["1", "2", "3"]));
  expect(stepsOf(billing.begun)).toEqual([1, 1, 2, 3]);
  expect(aws.hidden.filter((call) => call.endsWith(" for 0"))).toEqual([]);
});

test.concurrent("one that is set aside lets those behind it go on, and the other groups did not wait", async () => {
  await using broker = await openBench({ fifo: true });
  const billing = await broker.listen(async ({ key, sequence }) => {
    if (key === "order-1" && sequence === 1) throw new Error("out of stock");
  });
  await broker.publish([order("order-1", 1), order("order-2", 1), order("order-1", 2)]);
  await broker.eventually(() => expect(billing.begun).toHaveLength(5));
  const begun = billing.begun.map(({ key, sequence }) => `${key} ${sequence}`);
  expect(begun.filter((step) => step.startsWith("order-1"))).toEqual([
    "order-1 1",
    "order-1 1",
    "order-1 1",
    "order-1 2",
  ]);
  expect(billing.failures.map(({ deadLettered }) => deadLettered)).toEqual([false, false, true]);
  const [letter] = await broker.stranger.take("billing-dlq", 1);
  const { "throughline.failure": failure } = letter?.MessageAttributes ?? {};
  expect(JSON.parse(failure?.StringValue ?? "")).toMatchObject({ attempts: 3, message: "out of stock" });
});

test.concurrent("groups that pause leave all places to the others", async () => {
  await using broker = await openBench({ fifo: true });
  const billing = await broker.listen(
    async ({ key }) => {
      if (key !== "healthy") throw new Error("not yet");
    },
    { concurrency: 2, retryDelayMs: 60_000 },
  );
  await broker.publish(["a", "b", "c"].map((key) => order(key, 1)));
  await broker.eventually(() => expect(billing.failures).toHaveLength(3));
  await broker.publish([order("healthy", 1)]);
  await broker.eventually(() => expect(billing.begun.map(({ key }) => key)).toContain("healthy"));
});

test.concurrent("what waits behind a message when its subscriber leaves goes back unhandled", async () => {
  await using broker = await openBench({ fifo: true });
  const aws = answerAsAws(
    [1, 2, 3].map((n) => order("order-1", n)),
    "order-1",
  );
  broker.proxy.intercept = aws.intercept;
  const subscriber = await broker.connect();
  const handling = Promise.withResolvers<void>();
  const billing = await broker.listen(() => handling.promise, {}, subscriber);
  await broker.eventually(() => expect(billing.begun).toHaveLength(1));
  const left = subscriber[Symbol.asyncDispose]();
  handling.resolve();
  await left;
  expect(billing.begun).toHaveLength(1);
  expect(aws.deleted).toEqual(["1"]);
  expect(aws.hidden.filter((call) => call.endsWith(" for 0"))).toEqual(["2 for 0", "3 for 0"]);
});

test.concurrent("a type that only another process handles goes back, and what is behind it unhandled", async () => {
  await using broker = await openBench({ fifo: true });
  const news = createEnvelope({ type: "order.cancelled", version: "1", key: "order-1", data: {} }, { source: "test" });
  const aws = answerAsAws([news, order("order-1", 2)], "order-1");
  broker.proxy.intercept = aws.intercept;
  const billing = await broker.listen(undefined, { retryDelayMs: 500 });
  await broker.eventually(() => expect(aws.hidden).toEqual(expect.arrayContaining(["1 for 1", "2 for 0"])));
  expect(billing.begun).toEqual([]);
});

test.concurrent("a letter that was written and not deleted is one letter", async () => {
  await using broker = await openBench({ fifo: true });
  let lost = 0;
  broker.proxy.intercept = ({ action }) => (action === "DeleteMessageBatch" && lost++ === 0 ? "down" : undefined);
  const billing = await broker.listen(async () => {
    throw new RejectedError("never");
  });
  await broker.publish([order("order-1", 1)]);
  await broker.eventually(() => expect(billing.failures.at(-1)?.deadLettered).toBe(true));
  expect(await broker.transport.backlog("billing", ["order.created"])).toMatchObject({ deadLetters: 1 });
});

test.concurrent("standard and FIFO of one namespace are two roads that never meet", async () => {
  await using broker = await openBench({ fifo: true });
  await broker.declare();
  using standard = createStranger(broker.namespace);
  await broker.publish([order("order-1", 1)]);
  await expect(standard.queueUrl("billing")).rejects.toThrow();
});

function order(key: string, n: number): Envelope {
  return createEnvelope({ type: "order.created", version: "1", key, data: {} }, { source: "test", sequence: n });
}

function stepsOf(envelopes: readonly Envelope[]): number[] {
  return envelopes.map(({ sequence }) => sequence);
}

/** Gives all envelopes as one group to the first receive, and notes what becomes of them by their place from 1. */
function answerAsAws(envelopes: readonly Envelope[], MessageGroupId: string) {
  const deleted: string[] = [];
  const hidden: string[] = [];
  const Messages = envelopes.map((envelope, index) => ({
    MessageId: envelope.id,
    ReceiptHandle: String(index + 1),
    Body: serializeEnvelope(envelope),
    Attributes: { MessageGroupId, ApproximateReceiveCount: "1" },
  }));
  let waiting = Messages;
  return {
    deleted,
    hidden,
    intercept({ action, body }: Call): Answer | undefined {
      type Entry = { readonly Id: string; readonly ReceiptHandle: string; readonly VisibilityTimeout?: number };
      const { Entries = [] } = body.startsWith("{") ? (JSON.parse(body) as { Entries?: readonly Entry[] }) : {};
      if (action === "ReceiveMessage") {
        const given = waiting;
        waiting = [];
        return json({ Messages: given });
      }
      if (action === "DeleteMessageBatch") deleted.push(...Entries.map(({ ReceiptHandle }) => ReceiptHandle));
      else if (action === "ChangeMessageVisibilityBatch") {
        hidden.push(
          ...Entries.map(({ ReceiptHandle, VisibilityTimeout }) => `${ReceiptHandle} for ${VisibilityTimeout}`),
        );
      } else return undefined;
      return json({ Successful: Entries.map(({ Id }) => ({ Id })) });
    },
  };
}

function json(answer: object): Answer {
  return { status: 200, contentType: "application/x-amz-json-1.0", body: JSON.stringify(answer) };
}
