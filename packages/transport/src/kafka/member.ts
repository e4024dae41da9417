import { setTimeout as delay } from "node:timers/promises";
import { AwayError } from "../away-error.ts";
import { toError } from "../reason.ts";
import { type Assignment, createAssignment } from "./assignment.ts";
import { createSettling, traceReceipt } from "./batch-spans.ts";
import { isTransient, within } from "./errors.ts";
import type { SharedAdmin } from "./idle-closed.ts";
import { createIntake, type IntakeNeeds } from "./intake.ts";
import type { KafkaLibrary, Member } from "./library.ts";

export type MemberNeeds = Pick<IntakeNeeds, "concurrency" | "prepare"> & {
  readonly library: KafkaLibrary;
  readonly admin: SharedAdmin;
  readonly groupId: string;
  /** The group's name without its namespace, as spans have it. */
  readonly group: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  /** Before each start, because a topic may have been deleted since the last. */
  readonly createTopics: () => Promise<void>;
  /** Told what interrupts the member, which goes on by itself. */
  readonly onError: (error: Error) => void;
};

/** A fresh cluster creates its own topics at the first join, which takes a small one a while. */
const firstStartWithinMs = 30_000;
const startAgainAfterMs = 1_000;
const leaveWithinMs = 5_000;
const commitWithinMs = 5_000;

/** Resolves once the group has given this member its partitions. Disposing ends what has begun, commits and leaves. */
export async function joinGroup(needs: MemberNeeds): Promise<AsyncDisposable> {
  const { library, admin, groupId, group, topics, sessionTimeoutMs, createTopics } = needs;
  const tellError = (error: unknown) => needs.onError(toError(error));
  // One that has gone, or never came, fetches nothing.
  const askMember = (ask: (joined: Member) => void) => void member?.then(ask).catch(() => undefined);
  const intake = createIntake({
    ...needs,
    traceReceipt: (batch) => traceReceipt(batch, group),
    pause: (topic, partition) => askMember((joined) => joined.pause(topic, partition)),
    resume: (topic, partition) => askMember((joined) => joined.resume(topic, partition)),
  });
  let member: Promise<Member> | undefined;
  let assignment: Assignment | undefined;
  let restart: NodeJS.Timeout | undefined;
  let isClosing = false;
  await startFirst();

  return {
    async [Symbol.asyncDispose]() {
      isClosing = true;
      clearTimeout(restart);
      await intake.stop();
      await leave();
    },
  };

  async function startFirst(): Promise<void> {
    const deadline = performance.now() + firstStartWithinMs;
    for (;;) {
      try {
        return await start();
      } catch (error) {
        if (error instanceof AwayError || !isTransient(error)) throw error;
        if (performance.now() > deadline) throw new AwayError(toError(error).message, { cause: error });
        await delay(startAgainAfterMs);
      }
    }
  }

  async function start(): Promise<void> {
    await createTopics();
    const joining = library.joinGroup({
      ...{ groupId, topics, sessionTimeoutMs },
      onRebalance: async () => assignment?.end(),
      onAssigned() {
        assignment?.lose();
        assignment = createAssignment({
          load: () => admin(`Reading the offsets of ${groupId}`, (kafka) => kafka.committedBy(groupId, topics)),
          send: async (offsets) => within(commitWithinMs, `Committing for ${groupId}`, (await joining).commit(offsets)),
          settling: createSettling(groupId, group),
          onError: tellError,
        });
      },
      onBatch: (batch) => (assignment ? intake.take(batch, assignment) : { isTaken: false, next: Promise.resolve() }),
      onCrash: startAgain,
    });
    member = joining;
    await joining;
  }

  function startAgain(reason: unknown): void {
    assignment?.lose();
    if (isClosing) return;
    tellError(new Error(`The consumer of ${groupId} stopped and starts again`, { cause: reason }));
    restart = setTimeout(() => start().then(leaveIfClosing, startAgain), startAgainAfterMs);
  }

  async function leaveIfClosing(): Promise<void> {
    if (isClosing) await leave();
  }

  /** What could not be committed comes again: that is told, and no reason to fail. */
  async function leave(): Promise<void> {
    const ended = assignment?.end() ?? Promise.resolve();
    const left = ended.then(async () => (await member)?.leave());
    try {
      await within(leaveWithinMs, `Leaving the group ${groupId}`, left);
    } catch (error) {
      tellError(error);
    }
  }
}
