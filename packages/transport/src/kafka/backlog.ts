import type { Admin } from "kafkajs";
import type { Backlog } from "../transport.ts";
import { deadLetterTopicOf } from "./topics.ts";

type Range = { readonly low: bigint; readonly high: bigint };

/** What `groupId` has not committed yet of `topics`, and all that stands in their dead letters. */
export async function measureBacklog(kafka: Admin, groupId: string, topics: readonly string[]): Promise<Backlog> {
  const existing = new Set(await kafka.listTopics());
  const sources = topics.filter((topic) => existing.has(topic));
  const deadLetterTopics = topics.map(deadLetterTopicOf).filter((topic) => existing.has(topic));
  const [waiting, deadLetters] = await Promise.all([
    countWaiting(kafka, groupId, sources),
    Promise.all(deadLetterTopics.map((topic) => countAll(kafka, topic))),
  ]);
  return { waiting, deadLetters: sum(deadLetters) };
}

async function countWaiting(kafka: Admin, groupId: string, topics: readonly string[]): Promise<number> {
  if (topics.length === 0) return 0;
  const [committed, ranges] = await Promise.all([
    kafka.fetchOffsets({ groupId, topics: [...topics] }),
    Promise.all(topics.map(async (topic) => [topic, await rangesOf(kafka, topic)] as const)).then(
      (all) => new Map(all),
    ),
  ]);
  const counts = committed.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, offset }) => {
      const { low, high } = ranges.get(topic)?.get(partition) ?? { low: 0n, high: 0n };
      // Nothing is committed (-1), or it has expired since: the group goes on at the lowest that is there.
      const next = BigInt(offset) > low ? BigInt(offset) : low;
      return Number(high > next ? high - next : 0n);
    }),
  );
  return sum(counts);
}

async function countAll(kafka: Admin, topic: string): Promise<number> {
  const ranges = await rangesOf(kafka, topic);
  return sum([...ranges.values()].map(({ low, high }) => Number(high - low)));
}

async function rangesOf(kafka: Admin, topic: string): Promise<Map<number, Range>> {
  const offsets = await kafka.fetchTopicOffsets(topic);
  return new Map(offsets.map(({ partition, low, high }) => [partition, { low: BigInt(low), high: BigInt(high) }]));
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
