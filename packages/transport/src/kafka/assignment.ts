import { setTimeout as delay } from "node:timers/promises";
import type { Settling } from "./batch-spans.ts";
import { codesOf } from "./errors.ts";
import type { Batch, CommittedOffset, KafkaMessage } from "./library.ts";
import { createProgress, type Due, type Progress } from "./progress.ts";

/** The partitions that the group gave to this member, until its members meet again. */
export type Assignment = {
  /** False once others may have the partitions: from then on nothing is begun, and what ends is not committed. */
  readonly isCurrent: boolean;
  /** Resolves once it is known what the group has committed, or nothing may be taken any more. */
  readonly ready: Promise<void>;
  /** Undefined before it is known where the partition stands. */
  progressOf(batch: Batch): Progress | undefined;
  /** Of each message: the next commit settles it. */
  ended(message: KafkaMessage): void;
  /** Commits are collected for a moment, then go out in one request. */
  commitSoon(): void;
  /** Commits now, with whatever else is due. False where that failed; why, is told. */
  commit(): Promise<boolean>;
  /** Commits what is done, for the last time. */
  end(): Promise<void>;
  /** The same where nothing may be committed any more, because others may be further. */
  lose(): void;
};

export type AssignmentNeeds = {
  /** What the group has committed. */
  readonly load: () => Promise<readonly CommittedOffset[]>;
  readonly send: (offsets: readonly CommittedOffset[]) => Promise<void>;
  readonly settling: Settling;
  /** Told why the group's offsets could not be read or committed yet. That the group meets anew is no error. */
  readonly onError: (error: unknown) => void;
};

type Owned = { readonly topic: string; readonly partition: number; readonly progress: Progress };

const commitAfterMs = 100;
const tryAgainAfterMs = 1_000;
const lostMembership = new Set([
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
  "REBALANCE_IN_PROGRESS",
  "FENCED_INSTANCE_ID",
]);

export function createAssignment({ load, send, settling, onError }: AssignmentNeeds): Assignment {
  const owned = new Map<string, Owned>();
  let left: ReadonlyMap<string, CommittedOffset> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isCurrent = true;
  let isLast = false;
  let running: Promise<boolean> = Promise.resolve(true);
  let next: Promise<boolean> | undefined;
  const ready = readLeft();

  return {
    get isCurrent() {
      return isCurrent;
    },
    ready,
    progressOf({ topic, partition, messages }) {
      const first = messages[0]?.offset ?? 0n;
      const name = `${topic}/${partition}`;
      const known = owned.get(name)?.progress;
      if (known !== undefined && known.next <= first) return known;
      if (left === undefined) return undefined;
      // Offsets go back where the topic was deleted and made anew: then what was left says nothing.
      const progress = createProgress(
        first,
        (known === undefined && left.get(name)) || { offset: first, metadata: "" },
      );
      owned.set(name, { topic, partition, progress });
      return progress;
    },
    ended: settling.add,
    commitSoon() {
      if (isCurrent) timer ??= setTimeout(commit, commitAfterMs);
    },
    commit,
    async end() {
      if (!isCurrent) return;
      lose();
      isLast = true;
      await commit();
    },
    lose,
  };

  async function readLeft(): Promise<void> {
    while (isCurrent && left === undefined) {
      try {
        left = new Map((await load()).map((one) => [`${one.topic}/${one.partition}`, one]));
      } catch (error) {
        onError(error);
        await delay(tryAgainAfterMs);
      }
    }
  }

  function lose(): void {
    isCurrent = false;
    clearTimeout(timer);
  }

  /** One request at a time; whoever asks meanwhile is in the next. */
  function commit(): Promise<boolean> {
    next ??= running.then(() => {
      running = next ?? running;
      next = undefined;
      return commitDue();
    });
    return next;
  }

  async function commitDue(): Promise<boolean> {
    clearTimeout(timer);
    timer = undefined;
    const due = [...owned.values()].flatMap((one): (Owned & { readonly due: Due })[] => {
      const due = one.progress.due(isLast);
      return due === undefined ? [] : [{ ...one, due }];
    });
    if (due.length === 0 || !(isCurrent || isLast)) return isCurrent;
    try {
      const offsets = due.map(({ topic, partition, due: { offset, metadata } }) => {
        return { topic, partition, offset, metadata };
      });
      await settling.by(() => send(offsets));
      for (const { progress, due: one } of due) progress.committed(one);
      return true;
    } catch (error) {
      if (codesOf(error).some((name) => lostMembership.has(name))) lose();
      else onError(error);
      if (isCurrent) timer ??= setTimeout(commit, tryAgainAfterMs);
      return false;
    }
  }
}
