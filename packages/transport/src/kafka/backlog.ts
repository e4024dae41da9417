import type { Backlog } from "../transport.ts";
import type { Admin, CommittedOffset, Range } from "./library.ts";
import { readNote } from "./note.ts";
import { deadLetterTopicOf } from "./topics.ts";

/** What `groupId` has not handled yet of `topics`, and what `drainId` has not taken of their dead letters. */
export async function measureBacklog(
  kafka: Admin,
  {
    groupId,
    drainId,
    topics,
  }: { readonly groupId: string; readonly drainId: string; readonly topics: readonly string[] },
): Promise<Backlog> {
  const existing = new Set(await kafka.listTopics());
  const [waiting, deadLetters] = await Promise.all([
    countWaiting(kafka, groupId, topics),
    countWaiting(kafka, drainId, topics.map(deadLetterTopicOf)),
  ]);
  return { waiting, deadLetters };

  async function countWaiting(kafka: Admin, groupId: string, topics: readonly string[]): Promise<number> {
    const there = topics.filter((topic) => existing.has(topic));
    if (there.length === 0) return 0;
    const [committed, ranges] = await Promise.all([
      kafka.committedBy(groupId, there),
      Promise.all(there.map(async (topic) => [topic, await kafka.rangesOf(topic)] as const)),
    ]);
    const at = new Map(committed.map((one) => [`${one.topic}/${one.partition}`, one]));
    const counts = ranges.flatMap(([topic, partitions]) =>
      [...partitions].map(([partition, range]) => countIn(range, at.get(`${topic}/${partition}`))),
    );
    return counts.reduce((total, count) => total + count, 0);
  }
}

function countIn({ low, high }: Range, committed: CommittedOffset | undefined): number {
  // Nothing is committed, or it has expired since: the group goes on at the lowest that is there.
  if (committed === undefined || committed.offset < low) return Number(high - low);
  const ended = readNote(committed.offset, committed.metadata)?.ended ?? [];
  const waiting = ended.reduce((rest, { count }) => rest - count, high - committed.offset);
  return Number(waiting > 0n ? waiting : 0n);
}
