import type { EachBatchPayload } from "kafkajs";
import { protocolErrorsOf } from "./client.ts";
import { createProgress, type Progress } from "./progress.ts";

/** The partitions that the group gave to this member, until its members meet again. */
export type Assignment = {
  /** False once others may have the partitions: from then on nothing is begun, and what ends is not committed. */
  readonly isCurrent: boolean;
  progressOf(payload: Pick<EachBatchPayload, "batch" | "commitOffsetsIfNecessary">): Progress;
  /** For each message that has ended. Commits are collected for a moment, then go out in one request. */
  commitSoon(): void;
  /** Commits what is done, for the last time. */
  end(): Promise<void>;
  /** The same where nothing may be committed any more, because others may be further. */
  lose(): void;
};

type Owned = { readonly topic: string; readonly partition: number; readonly progress: Progress };

const commitAfterMs = 100;
const commitAgainAfterMs = 1_000;
const lostMembership = new Set([
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
  "REBALANCE_IN_PROGRESS",
  "FENCED_INSTANCE_ID",
]);

/** `onError` is told why a commit failed; it is tried again. That the group meets anew is no error. */
export function createAssignment(onError: (error: unknown) => void): Assignment {
  const owned = new Map<string, Owned>();
  let send: EachBatchPayload["commitOffsetsIfNecessary"] | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isCurrent = true;

  return {
    get isCurrent() {
      return isCurrent;
    },
    progressOf({ batch: { topic, partition, messages }, commitOffsetsIfNecessary }) {
      // The consumer's own commitOffsets would try again after a rebalance, and move offsets of partitions it has lost.
      send = commitOffsetsIfNecessary;
      const name = `${topic}/${partition}`;
      const known = owned.get(name)?.progress;
      const first = messages[0]?.offset ?? "0";
      // Offsets go back where the topic was deleted and made anew.
      if (known !== undefined && BigInt(known.next) <= BigInt(first)) return known;
      const progress = createProgress(first);
      owned.set(name, { topic, partition, progress });
      return progress;
    },
    commitSoon() {
      if (isCurrent) timer ??= setTimeout(commit, commitAfterMs);
    },
    async end() {
      if (!isCurrent) return;
      lose();
      await commit();
    },
    lose,
  };

  function lose(): void {
    isCurrent = false;
    clearTimeout(timer);
  }

  async function commit(): Promise<void> {
    timer = undefined;
    const due = [...owned.values()].flatMap(({ topic, partition, progress }) => {
      const offset = progress.due();
      return offset === undefined ? [] : [{ topic, partition, offset, progress }];
    });
    if (due.length === 0 || send === undefined) return;
    try {
      const topics = [...Map.groupBy(due, ({ topic }) => topic)];
      await send({ topics: topics.map(([topic, partitions]) => ({ topic, partitions })) });
      for (const { progress, offset } of due) progress.committed(offset);
    } catch (error) {
      if (protocolErrorsOf(error).some((name) => lostMembership.has(name))) lose();
      else onError(error);
      if (isCurrent) timer ??= setTimeout(commit, commitAgainAfterMs);
    }
  }
}
