import { expect, test } from "vitest";
import { contracts } from "./index.ts";
import { demandOn, groupOf, roadSettings, roadsOf, settingsFor, topology, unreachable, withRoads } from "./topology.ts";

test("every message is sent by one service", () => {
  const sent = topology.senders.flatMap(({ types }) => types).sort();
  expect(sent).toEqual(contracts.map(({ type }) => type).sort());
});

test("whatever somebody listens to comes by a road that leads there", () => {
  expect(unreachable(topology)).toEqual([]);
});

test("a listener on another road than its senders is found", () => {
  const moved = withRoads(topology, { consumeFrom: ["rabbitmq"] });
  expect(unreachable(moved)).toContainEqual({ group: "inventory", type: "order.created" });
  expect(unreachable(withRoads(topology, { publishTo: ["sns-sqs"], consumeFrom: ["sns-sqs"] }))).toEqual([]);
});

test("a service finds its roads by its name", () => {
  expect(roadsOf("order")).toEqual({ publishTo: ["kafka", "sns-sqs"], consumeFrom: ["kafka"], workOn: [] });
  expect(roadsOf("billing")).toEqual({ publishTo: ["kafka"], consumeFrom: ["sns-sqs"], workOn: ["rabbitmq"] });
  expect(roadsOf("analytics")).toMatchObject({ publishTo: [], consumeFrom: ["kafka"] });
  expect(() => groupOf("shipping")).toThrow("No group is called shipping");
});

test("work keeps its road when events take another", () => {
  const moved = withRoads(topology, { publishTo: ["sns-sqs"], consumeFrom: ["sns-sqs"] });
  expect(demandOn("rabbitmq", moved)).toMatchObject({
    types: ["payment.requested", "refund.requested"],
    groups: [{ group: "billing.work" }],
  });
  expect(demandOn("kafka", moved)).toEqual({ types: [], groups: [] });
});

test("production has three copies of each message, and payments are kept for 90 days everywhere", () => {
  const days = (ms = 0) => ms / (24 * 60 * 60 * 1_000);
  const { kafka } = settingsFor("production");
  expect(kafka.replicationFactor).toBe(3);
  expect(settingsFor("development").kafka).toEqual({ ...kafka, replicationFactor: 1 });
  const kept = Object.entries(kafka.topics).map(([type, { retentionMs }]) => [type, days(retentionMs)]);
  expect(Object.fromEntries(kept)).toEqual({
    "payment.completed": 90,
    "payment.failed": 90,
    "payment.refunded": 90,
  });
});

test("what a process is told of its brokers stays beside what the manifest says", () => {
  const settings = { topology: "production", kafka: { brokers: ["a:9092"], ssl: true } } as const;
  expect(roadSettings(settings)).toMatchObject({ kafka: { brokers: ["a:9092"], ssl: true, replicationFactor: 3 } });
});
