import { expect, test } from "vitest";
import { settingsOf } from "./settings.ts";
import { configOf } from "./topics.ts";

const dayMs = 24 * 60 * 60 * 1_000;
const settings = settingsOf({
  brokers: ["a:9092"],
  namespace: "dev",
  replicationFactor: 3,
  topics: { "payment.completed": { retentionMs: 90 * dayMs, partitions: 12 } },
});

test("a topic is as all are, but for what its type says", () => {
  expect(configOf("dev.order.created", settings)).toEqual({
    topic: "dev.order.created",
    numPartitions: 6,
    replicationFactor: 3,
    configEntries: entries({ "retention.ms": 7 * dayMs, "min.insync.replicas": 2 }),
  });
  expect(configOf("dev.payment.completed", settings)).toMatchObject({
    numPartitions: 12,
    configEntries: entries({ "retention.ms": 90 * dayMs, "min.insync.replicas": 2 }),
  });
});

test("dead letters are kept for 14 days, whatever their type says", () => {
  expect(configOf("dev.payment.completed.DLT", settings)).toMatchObject({
    numPartitions: 1,
    configEntries: entries({ "retention.ms": 14 * dayMs, "min.insync.replicas": 2, "max.message.bytes": 2_097_152 }),
  });
});

function entries(values: Readonly<Record<string, number>>) {
  return Object.entries(values).map(([name, value]) => ({ name, value: String(value) }));
}
