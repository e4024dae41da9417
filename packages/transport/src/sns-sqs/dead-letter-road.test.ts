import { type Message, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { createEnvelope, type Envelope, RejectedError, serializeEnvelope } from "@throughline/envelope";
import { describe, expect, test } from "vitest";
import type { DeadLetter } from "../transport.ts";
import { type Bench, openBench } from "./bench.ts";

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

describe.concurrent.each([
  { road: "a standard queue", fifo: false },
  { road: "a FIFO queue", fifo: true },
])("dead letters of $road", ({ fifo }) => {
  test("a letter tells what came, from where, how often and why it failed", async () => {
    await using broker = await openBench({ fifo });
    const sent = order("order-1");
    await reject(broker, [sent]);
    const letters = await drain(broker);
    await broker.eventually(() => expect(letters).toHaveLength(1));
    expect(letters[0]).toEqual({
      group: "billing",
      origin: { name: `${broker.namespace}-billing${fifo ? ".fifo" : ""}` },
      body: Buffer.from(serializeEnvelope(sent)),
      headers: { eventType: "order.created", schemaVersion: "1", correlationId: sent.correlationId, traceparent },
      error: { name: "RejectedError", message: "no such customer", stack: expect.stringContaining("no such customer") },
      attempts: 1,
      failedAt: expect.any(Date),
    });
    expect(Date.now() - (letters[0]?.failedAt.getTime() ?? 0)).toBeLessThan(600_000);
  });

  test("a letter that was taken is gone, and one that comes later is handed over as well", async () => {
    await using broker = await openBench({ fifo });
    const letters = await drain(broker);
    await reject(broker, [order("order-1"), order("order-2")]);
    await broker.eventually(() => expect(letters).toHaveLength(2));
    await broker.eventually(async () => expect((await broker.backlog()).deadLetters).toBe(0));
  });

  test("a letter that was not taken is told, and comes again", { timeout: 60_000 }, async () => {
    await using broker = await openBench({ fifo });
    const errors: string[] = [];
    let refusals = 0;
    await reject(broker, [order("order-1")]);
    const refuseOnce = async () => {
      if (refusals++ === 0) throw new Error("the database is away");
    };
    const letters = await drain(broker, refuseOnce, (error) => void errors.push(error.message));
    await broker.eventually(() => expect(letters).toHaveLength(1));
    expect(errors).toEqual(["the database is away"]);
  });

  test("a letter whose taker died with it comes to the next one", { timeout: 60_000 }, async () => {
    await using broker = await openBench({ fifo });
    await reject(broker, [order("order-1")]);
    // What a process that was killed leaves behind: received, perhaps taken, and not deleted.
    const QueueUrl = await broker.stranger.queueUrl("billing-dlq");
    const killed = new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5, VisibilityTimeout: 2 });
    expect((await broker.stranger.sqs.send(killed)).Messages).toHaveLength(1);
    const letters = await drain(broker);
    await broker.eventually(() => expect(letters).toHaveLength(1));
  });

  test("what SQS itself set aside says so", async () => {
    await using broker = await openBench({ fifo });
    await broker.declare();
    await broker.publish([order("order-1")]);
    const QueueUrl = await broker.stranger.queueUrl("billing");
    const crash = new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0, WaitTimeSeconds: 5 });
    for (const _ of [1, 2, 3]) expect((await broker.stranger.sqs.send(crash)).Messages).toHaveLength(1);
    await broker.listen();
    const letters = await drain(broker);
    await broker.eventually(() => expect(letters).toHaveLength(1));
    expect(letters[0]).toMatchObject({
      error: { name: "ReceiveCountExceeded", message: expect.stringContaining("3 deliveries ended without an answer") },
      attempts: 3,
      headers: { eventType: "order.created" },
    });
  });

  test("what SNS could not deliver is a letter too, with the reason of SNS", async () => {
    await using broker = await openBench({ fifo });
    await broker.declare();
    const sent = order("order-1");
    await broker.stranger.sqs.send(
      new SendMessageCommand({
        QueueUrl: await broker.stranger.queueUrl("billing-undelivered"),
        MessageBody: serializeEnvelope(sent),
        MessageAttributes: Object.fromEntries(
          Object.entries({
            RequestID: "r-1",
            ErrorCode: "403",
            ErrorMessage: "AccessDenied",
            eventType: sent.type,
          }).map(([name, StringValue]) => [name, { DataType: "String", StringValue }]),
        ),
        ...(fifo && { MessageGroupId: sent.key, MessageDeduplicationId: sent.id }),
      }),
    );
    expect((await broker.backlog()).deadLetters).toBe(1);
    const letters = await drain(broker);
    await broker.eventually(() => expect(letters).toHaveLength(1));
    expect(letters[0]).toMatchObject({
      origin: { name: expect.stringMatching(/-billing(\.fifo)?$/) },
      headers: { eventType: "order.created" },
      error: { name: "NotDelivered", message: "SNS could not deliver it: 403 AccessDenied" },
    });
  });

  test("sent again, the group gets the same bytes and attributes, and no other group does", async () => {
    await using broker = await openBench({ fifo });
    const inventory = await broker.listen(undefined, { group: "inventory" });
    const sent = order("order-1");
    await reject(broker, [sent]);
    await broker.eventually(() => expect(inventory.begun).toHaveLength(1));
    const letters = await drain(broker);
    await broker.eventually(() => expect(letters).toHaveLength(1));
    for (const letter of letters) await broker.road.redeliver(letter);

    const [message] = await broker.stranger.take("billing", 1);
    expect(message?.Body).toBe(serializeEnvelope(sent));
    const attributes = Object.entries(message?.MessageAttributes ?? {});
    expect(Object.fromEntries(attributes.map(([name, { StringValue }]) => [name, StringValue]))).toEqual(
      letters[0]?.headers,
    );
    await broker.eventually(async () => expect((await broker.backlog("inventory")).waiting).toBe(0));
    expect(inventory.begun).toHaveLength(1);
  });

  test("sent again, ten attributes of a stranger have the bytes and the types that they had", async () => {
    await using broker = await openBench({ fifo });
    await broker.declare();
    const sent = order("order-1");
    const MessageAttributes = {
      ...text("eventType", sent.type),
      ...text("note", 'Grüße, "2" \\ 3'),
      ...text("errorName", "theirs"),
      ...text("ErrorCode", "17"),
      ...text("labelled", "<a/>", "String.xml"),
      ...text("list", '["a", 1]', "String.Array"),
      ...text("weight", "12.50", "Number"),
      ...text("amount", "1300", "Number.cents"),
      digest: { DataType: "Binary", BinaryValue: Uint8Array.of(0, 128, 255) },
      picture: { DataType: "Binary.png", BinaryValue: Uint8Array.of(137, 80, 78, 71) },
    };
    const queue = { QueueUrl: await broker.stranger.queueUrl("billing"), MessageBody: serializeEnvelope(sent) };
    const inGroup = fifo && { MessageGroupId: sent.key, MessageDeduplicationId: sent.id };
    const send = new SendMessageCommand({ ...queue, MessageAttributes, ...inGroup });
    await reject(broker, [sent], () => broker.stranger.sqs.send(send));
    const letters = await drain(broker);
    await broker.eventually(() => expect(letters).toMatchObject([{ error: { message: "no such customer" } }]));
    // As a database has kept it.
    for (const { body, headers, ...letter } of letters) {
      await broker.road.redeliver({ ...letter, body, headers: JSON.parse(JSON.stringify(headers)) });
    }

    const [message] = await broker.stranger.take("billing", 1);
    expect(message?.Body).toBe(serializeEnvelope(sent));
    expect(message?.MessageAttributes).toEqual(MessageAttributes);
  });

  test("a letter that a person puts back and that fails again has its new reason, and its attributes", async () => {
    await using broker = await openBench({ fifo });
    await broker.declare();
    const MessageAttributes = Object.assign({}, ...Array.from({ length: 10 }, (_, n) => text(`a${n}`, `${n}`)));
    const send = (to: string, message: Pick<Message, "MessageAttributes">, id: string) =>
      broker.stranger.queueUrl(to).then((QueueUrl) =>
        broker.stranger.sqs.send(
          new SendMessageCommand({
            ...{ QueueUrl, MessageBody: "no JSON", MessageAttributes: message.MessageAttributes },
            ...(fifo && { MessageGroupId: "order-1", MessageDeduplicationId: id }),
          }),
        ),
      );
    await send("billing", { MessageAttributes }, "first");
    await broker.listen();
    const [letter = {}] = await broker.stranger.take("billing-dlq", 1);
    await send("billing", letter, "second");
    const letters = await drain(broker);
    await broker.eventually(() => expect(letters).toHaveLength(1));
    expect(letters[0]?.headers).toEqual({
      a0: "0",
      a1: "1",
      a2: "2",
      a3: "3",
      a4: "4",
      a5: "5",
      a6: "6",
      a7: "7",
      a8: "8",
      a9: "9",
    });
  });

  test("a letter of an older release, with its reason in attributes apart, is read as well", async () => {
    await using broker = await openBench({ fifo });
    await broker.declare();
    const sent = order("order-1");
    await broker.stranger.sqs.send(
      new SendMessageCommand({
        QueueUrl: await broker.stranger.queueUrl("billing-dlq"),
        MessageBody: serializeEnvelope(sent),
        MessageAttributes: {
          ...text("eventType", sent.type),
          ...{
            ...text("errorName", "RangeError"),
            ...text("errorMessage", "out of stock"),
            ...text("errorStack", "at a"),
          },
          ...{ ...text("failedAt", "2026-11-01T10:00:00.000Z"), ...text("attempts", "3", "Number") },
          ...text("sourceQueue", "prod-billing"),
        },
        ...(fifo && { MessageGroupId: sent.key, MessageDeduplicationId: sent.id }),
      }),
    );
    const letters = await drain(broker);
    await broker.eventually(() => expect(letters).toHaveLength(1));
    expect(letters[0]).toMatchObject({
      origin: { name: "prod-billing" },
      headers: { eventType: "order.created" },
      error: { name: "RangeError", message: "out of stock", stack: "at a" },
      attempts: 3,
      failedAt: new Date("2026-11-01T10:00:00.000Z"),
    });
    expect(Object.keys(letters[0]?.headers ?? {})).toEqual(["eventType"]);
  });

  test("what is no envelope can be sent again as well", async () => {
    await using broker = await openBench({ fifo });
    await broker.declare();
    await broker.road.redeliver({ ...letterWith({}), body: Buffer.from("not JSON") });
    expect(await broker.stranger.take("billing", 1)).toMatchObject([{ Body: "not JSON" }]);
  });
});

test.concurrent("a letter with more attributes than AWS takes is an error that names them", async () => {
  await using broker = await openBench();
  const headers = Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`header${n}`, "x"]));
  await expect(broker.road.redeliver(letterWith(headers))).rejects.toThrow(
    /^11 attributes, and AWS takes 10 with a message: leave out of header0, .*header10$/,
  );
});

test.concurrent("a letter of a group without a queue says what to start", async () => {
  await using broker = await openBench();
  await expect(broker.road.redeliver(letterWith({}))).rejects.toThrow(
    `There is no queue ${broker.namespace}-billing: start a consumer of billing first`,
  );
});

function text(name: string, StringValue: string, DataType = "String") {
  return { [name]: { DataType, StringValue } };
}

function letterWith(headers: Readonly<Record<string, string>>): DeadLetter {
  return {
    group: "billing",
    origin: { name: "any" },
    body: Buffer.from(serializeEnvelope(order("order-1"))),
    headers,
    error: { name: "Error", message: "out of stock" },
    attempts: 3,
    failedAt: new Date(),
  };
}

/** Collects what is handed over; `take` may refuse a letter. Ends with the bench. */
async function drain(
  broker: Bench,
  take: (letter: DeadLetter) => Promise<void> = async () => {},
  onError?: (error: Error) => void,
): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  const collect = async (letter: DeadLetter) => {
    await take(letter);
    letters.push(letter);
  };
  broker.opened.use(await broker.road.drain("billing", ["order.created"], collect, onError));
  return letters;
}

/** Sends them to billing, which rejects all of them and then leaves. */
async function reject(
  broker: Bench,
  envelopes: readonly Envelope[],
  send: () => Promise<unknown> = () => broker.publish(envelopes),
): Promise<void> {
  await using subscriber = await broker.transport.connectSubscriber();
  const billing = await broker.listen(() => Promise.reject(new RejectedError("no such customer")), {}, subscriber);
  await send();
  await broker.eventually(() =>
    expect(billing.failures.filter(({ deadLettered }) => deadLettered)).toHaveLength(envelopes.length),
  );
}

function order(key: string): Envelope {
  return createEnvelope({ type: "order.created", version: "1", key, data: {} }, { source: "test", traceparent });
}
