import { createRequire } from "node:module";
import { describe, expect, test, vi } from "vitest";
import { kafkajs } from "./kafkajs.ts";
import { settingsOf } from "./settings.ts";
import { brokers, openShop, order, patience } from "./testing/shop.ts";

type ConsumerGroupClass = { readonly prototype: { checkForStaleAssignment(): void } };
const load = createRequire(import.meta.url);
const { prototype }: ConsumerGroupClass = load("kafkajs/src/consumer/consumerGroup.js");
const unknown = "a partition that nobody knew of";
const moved = "a partition that is led by another broker";

// With CI=true a missing broker is a failure.
describe.skipIf(brokers.length === 0 && process.env.CI !== "true")("a fetch that finds", () => {
  test.each([
    [moved, { type: "NOT_LEADER_FOR_PARTITION" }],
    [unknown, { name: "KafkaJSStaleTopicMetadataAssignment" }],
  ])("%s ends what was assigned before the group is joined anew", async (message, kind) => {
    await using shop = await openShop({ client: "kafkajs" });
    await shop.publish([order("order-1")]);
    const events: string[] = [];
    const membership = { groupId: `${shop.topic}.watch`, topics: [shop.topic], sessionTimeoutMs: 6_000 };
    const member = await kafkajs(settingsOf({ brokers, namespace: "test" })).joinGroup({
      ...membership,
      onAssigned: () => events.push("assigned"),
      onRebalance: async () => void events.push("rebalance"),
      onBatch: () => ({ isTaken: true, next: Promise.resolve() }),
      onCrash: (error) => events.push(error.message),
    });
    await vi.waitUntil(() => events.length > 0, patience);
    const check = prototype.checkForStaleAssignment;
    prototype.checkForStaleAssignment = () => {
      prototype.checkForStaleAssignment = check;
      throw Object.assign(new Error(message), kind);
    };
    await vi.waitUntil(() => events.filter((event) => event === "assigned").length > 1, patience);
    await member.leave();
    expect(events).toEqual(["assigned", "rebalance", "assigned"]);
  });
});
