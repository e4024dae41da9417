import { serializeEnvelope } from "@throughline/envelope";
import { startConsumer } from "@throughline/inbox";
import { testBrokers } from "@throughline/local/testing";
import { query } from "@throughline/log";
import { openRoad, type Road } from "@throughline/transport";
import { memoryTransport } from "@throughline/transport/memory";
import { expect, test, vi } from "vitest";
import { discardLetter } from "./discard.ts";
import { holdKey } from "./parked.ts";
import { replayLetter } from "./replay.ts";
import { cancelled, group, letterWhen, openLetters, patience, type } from "./testing/letters.ts";

const act = { by: "ann", reason: "the rule is fixed" };
const roads: readonly Road[] = [
  "sns-sqs",
  "sns-sqs-fifo",
  ...(testBrokers.kafka ? (["kafka"] as const) : []),
  ...(testBrokers.rabbitmq ? (["rabbitmq"] as const) : []),
];

test.each(roads)(
  "by %s, what comes behind a dead message of its key waits, and runs in order after a replay",
  async (name) => {
    await using shop = await openParking(name);
    await shop.die("o-1", "1");
    for (const [nth, reason] of ["2", "3"].entries()) {
      await shop.publish(cancelled("o-1", reason));
      await vi.waitUntil(() => shop.consumer.status().putAside === nth + 1, patience);
    }
    await shop.publish(cancelled("o-2", "of another key"));
    await vi.waitUntil(() => shop.consumer.status().handled === 1, patience);
    expect(await shop.notes()).toEqual(["of another key"]);

    expect(await replayLetter(shop.desk, 1, act)).toBe(true);
    await vi.waitUntil(() => shop.consumer.status().handled === 4, patience);
    expect(await shop.notes()).toEqual(["of another key", "1", "2", "3"]);
  },
);

test.each(roads)("by %s, a key goes on without a dead message that is discarded", async (name) => {
  await using shop = await openParking(name);
  await shop.die("o-1", "1");
  await shop.publish(cancelled("o-1", "2"));
  await vi.waitUntil(() => shop.consumer.status().putAside === 1, patience);
  expect(await discardLetter(shop.desk, 1, act)).toBe(true);
  await vi.waitUntil(() => shop.consumer.status().handled === 1, patience);
  expect(await shop.notes()).toEqual(["2"]);
});

test.each(roads.filter((name) => name !== "kafka"))(
  "by %s, what comes behind a message that the broker itself set aside waits too, from when its letter is kept",
  async (name) => {
    await using shop = await openParking(name);
    await shop.consumer[Symbol.asyncDispose]();
    await shop.publish(cancelled("o-1", "1"));
    const received = name === "rabbitmq" ? receiveFromRabbitmq : receiveFromSqs;
    // As a process that dies with the message in hand, each time it gets it.
    await vi.waitUntil(async () => (await received(shop.namespace)) || undefined, patience);
    while (await received(shop.namespace));
    expect(await letterWhen(shop.database, 1)).toMatchObject({ road: name, key: "o-1", error: { stack: "" } });

    const reactions = (await shop.desk.reactionsOf(group)) ?? [];
    const options = { from: [shop.road], parks: [type], onFailure: () => {} };
    await using consumer = await startConsumer(shop.database, group, reactions, options);
    await shop.publish(cancelled("o-1", "2"));
    await vi.waitUntil(() => consumer.status().putAside === 1, patience);
    expect(await replayLetter(shop.desk, 1, act)).toBe(true);
    await vi.waitUntil(() => consumer.status().handled === 2, patience);
    expect(await shop.notes()).toEqual(["1", "2"]);
  },
);

test("no key waits for a letter whose message had its effect by another road", async () => {
  await using shop = await openLetters({ parks: [type], isDraining: false, roadIn: () => memoryTransport() });
  const envelope = cancelled("o-1", "1");
  await shop.publish(envelope);
  await vi.waitUntil(() => shop.consumer.status().handled === 1, patience);
  await shop.database.transaction((tx) =>
    holdKey(tx, { group, body: Buffer.from(serializeEnvelope(envelope)) }, [type]),
  );
  expect(await query(shop.database, "parked", "select from inbox_parked_keys")).toEqual([]);
});

async function receiveFromSqs(namespace: string): Promise<boolean> {
  const ask = async (action: string, parameters: object) => {
    const headers = { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` };
    const answer = await fetch(testBrokers.snsSqs, { method: "POST", headers, body: JSON.stringify(parameters) });
    return (await answer.json()) as { QueueUrls?: string[]; Messages?: unknown[] };
  };
  const { QueueUrls = [] } = await ask("ListQueues", { QueueNamePrefix: namespace });
  const QueueUrl = QueueUrls.find((url) => /-diary(\.fifo)?$/.test(url));
  return (
    ((await ask("ReceiveMessage", { QueueUrl, VisibilityTimeout: 0, WaitTimeSeconds: 0 })).Messages ?? []).length > 0
  );
}

async function receiveFromRabbitmq(namespace: string): Promise<boolean> {
  const { username, password, hostname, port } = new URL(testBrokers.rabbitmq ?? "");
  const answer = await fetch(`http://${hostname}:${Number(port) + 1}/api/queues/%2F/${namespace}.diary/get`, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` },
    body: JSON.stringify({ count: 1, ackmode: "reject_requeue_true", encoding: "auto" }),
  });
  return ((await answer.json()) as unknown[]).length > 0;
}

async function openParking(name: Road) {
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const roadIn = (namespace: string) =>
    openRoad(name, {
      namespace,
      snsSqs: { endpoint: testBrokers.snsSqs, region: "us-east-1", credentials },
      kafka: { brokers: [testBrokers.kafka ?? ""] },
      rabbitmq: { url: testBrokers.rabbitmq ?? "" },
    });
  const shop = await openLetters({ parks: [type], roadIn });
  return {
    ...shop,
    /** Tells of a cancellation that is refused; from then on none is. */
    async die(orderId: string, reason: string): Promise<void> {
      shop.fault.message = "no";
      await shop.publish(cancelled(orderId, reason));
      expect(await letterWhen(shop.database, 1)).toMatchObject({ road: name, key: orderId });
      shop.fault.message = undefined;
    },
  };
}
