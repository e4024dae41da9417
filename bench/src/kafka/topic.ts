import { randomUUID } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import type { Place } from "../harness/bench.ts";

export const messages = 20_000;

export function clientOf({ kafka = "" }: Place): Kafka {
  return new Kafka({ brokers: [kafka], logLevel: logLevel.NOTHING });
}

export function topicOf({ namespace }: Place): string {
  return `${namespace}.order.created`;
}

export async function createTopic(place: Place): Promise<void> {
  const admin = clientOf(place).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: topicOf(place), numPartitions: 6 }], waitForLeaders: true });
  await admin.disconnect();
}

/** The ids of all records, up to the ends that the partitions have now. */
export async function readIds(place: Place): Promise<string[]> {
  const total = await countRecords(place);
  const consumer = clientOf(place).consumer({ groupId: randomUUID() });
  await consumer.connect();
  await consumer.subscribe({ topic: topicOf(place), fromBeginning: true });
  const all = Promise.withResolvers<void>();
  const ids: string[] = [];
  await consumer.run({
    eachMessage: async ({ message }) => {
      ids.push(String(message.headers?.id));
      if (ids.length === total) all.resolve();
    },
  });
  await all.promise;
  await consumer.disconnect();
  return ids;
}

async function countRecords(place: Place): Promise<number> {
  const admin = clientOf(place).admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(topicOf(place));
  await admin.disconnect();
  return offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
}
