import "@throughline/transport/kafkajs-timer";
import { setTimeout as pause } from "node:timers/promises";
import { Kafka, logLevel } from "kafkajs";
import type { TapGroup } from "../taps.ts";
import type { Cleaner } from "./cleaner.ts";

/** A group that is new to Kafka begins at the oldest message; ours is told, before it listens, to begin at the end. */
export function kafkaCleaner(brokers: readonly string[], namespace: string, groups: readonly TapGroup[]): Cleaner {
  const kafka = new Kafka({ brokers: [...brokers], clientId: "demo", logLevel: logLevel.NOTHING });
  const nameOf = (name: string) => `${namespace}.${name}`;
  return {
    async skipHistory() {
      for (const { group, types } of groups) {
        const ends = await onceLed(() => withAdmin(kafka, (admin) => readEnds(admin, types.map(nameOf))));
        if (ends.some(({ offset }) => offset !== "0")) await commit(kafka, nameOf(group), ends);
      }
    },
    async remove() {
      await withAdmin(kafka, async (admin) => {
        const known = (await admin.listGroups()).groups.map(({ groupId }) => groupId);
        const ours = groups.map(({ group }) => nameOf(group)).filter((group) => known.includes(group));
        if (ours.length > 0) await admin.deleteGroups(ours);
      });
    },
  };
}

type End = { readonly topic: string; readonly partition: number; readonly offset: string };

async function readEnds(admin: ReturnType<Kafka["admin"]>, topics: readonly string[]): Promise<End[]> {
  const existing = await admin.listTopics();
  const ends = topics
    .filter((topic) => existing.includes(topic))
    .map(async (topic) =>
      (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => ({ topic, partition, offset: high })),
    );
  return (await Promise.all(ends)).flat();
}

/** A topic that was made a moment ago is listed before its leader knows that it leads. */
async function onceLed<Result>(ask: () => Promise<Result>): Promise<Result> {
  const until = performance.now() + 10_000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const isTransient = error instanceof Error && "retriable" in error && error.retriable === true;
      if (!isTransient || performance.now() > until) throw error;
      await pause(100);
    }
  }
}

/** Only a member may commit, so we are one for a moment. */
async function commit(kafka: Kafka, groupId: string, ends: readonly End[]): Promise<void> {
  const consumer = kafka.consumer({ groupId });
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [...new Set(ends.map(({ topic }) => topic))], fromBeginning: true });
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: async () => undefined });
    await consumer.commitOffsets([...ends]);
  } finally {
    await consumer.disconnect();
  }
}

async function withAdmin<Result>(
  kafka: Kafka,
  ask: (admin: ReturnType<Kafka["admin"]>) => Promise<Result>,
): Promise<Result> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await ask(admin);
  } finally {
    await admin.disconnect();
  }
}
