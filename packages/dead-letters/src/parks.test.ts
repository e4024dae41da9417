import { testBrokers } from "@throughline/local/testing";
import { openRoad, type Road } from "@throughline/transport";
import { expect, test, vi } from "vitest";
import { discardLetter } from "./discard.ts";
import { replayLetter } from "./replay.ts";
import { cancelled, letterWhen, openLetters, patience, type } from "./testing/letters.ts";

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
      await vi.waitUntil(() => shop.consumer.status().parked === nth + 1, patience);
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
  await vi.waitUntil(() => shop.consumer.status().parked === 1, patience);
  expect(await discardLetter(shop.desk, 1, act)).toBe(true);
  await vi.waitUntil(() => shop.consumer.status().handled === 1, patience);
  expect(await shop.notes()).toEqual(["2"]);
});

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
