import { setTimeout as delay } from "node:timers/promises";
import type { SpanContext } from "@opentelemetry/api";
import { createKeyQueue, type Pause } from "../key-queue.ts";
import type { Assignment } from "./assignment.ts";
import type { Batch, Intaken, KafkaMessage } from "./library.ts";
import type { Progress } from "./progress.ts";

/** What happens to messages once they are fetched. */
export type Intake = {
  /**
   * Puts a batch behind what is in hand; more may be fetched before it is handled. kafkajs fetches nothing before all
   * batches of the last fetch are through, so one stuck key would stop every partition.
   */
  take(batch: Batch, assignment: Assignment): Intaken;
  /** Begins nothing more and resolves when the handlers in flight have ended. */
  stop(): Promise<void>;
};

/** Makes one attempt at a message, which has failed `tried` times. A pause where it is to be tried again after it. */
export type Attempt = (tried: number) => Promise<Pause | undefined>;

export type IntakeNeeds = {
  readonly concurrency: number;
  /** Called when a batch is taken; gives the span of that, where there is one. */
  readonly traceReceipt: (batch: Batch) => SpanContext | undefined;
  /** Called when a message is taken. */
  readonly prepare: (message: KafkaMessage, received: SpanContext | undefined) => Attempt;
  readonly pause: (topic: string, partition: number) => void;
  readonly resume: (topic: string, partition: number) => void;
};

/** One message in hand. */
type Task = {
  readonly message: KafkaMessage;
  readonly attempt: Attempt;
  readonly progress: Progress;
  readonly assignment: Assignment;
};

/** A partition with more messages in hand is not fetched until half of them are done: something in it is stuck. */
const mostOpen = 500;
/** The longest that one fetch waits for the last: where stuck keys fill the queue, the others still go on. */
const longestWaitMs = 500;
/** The pause where a commit that has to come first did not succeed. */
const commitAgainAfterMs = 1_000;

/**
 * A message that kills its process cannot be counted by it. So each commit announces how far handlers may begin until
 * the next; and where a member died, what it had announced and not ended is suspect: those messages are handled alone,
 * each with a commit before it that says so. The culprit is then known, and its deaths count as attempts.
 */
export function createIntake({ concurrency, traceReceipt, prepare, pause, resume }: IntakeNeeds): Intake {
  let running = 0;
  const suspects = createKeyQueue(() => (running === 0 ? 1 : 0));
  const queue = createKeyQueue(() => (suspects.size === 0 ? concurrency : 0));
  const enough = 10 * concurrency;
  const paused = new Set<Progress>();
  let isStopping = false;
  let room: Promise<unknown> | undefined;

  return {
    take(batch, assignment) {
      const progress = isStopping || !assignment.isCurrent ? undefined : assignment.progressOf(batch);
      if (progress === undefined) return { isTaken: false, next: assignment.ready };
      const received = traceReceipt(batch);
      for (const message of batch.messages) {
        takeIn({ message, attempt: prepare(message, received), progress, assignment });
      }
      assignment.commitSoon();
      if (progress.open > mostOpen) {
        paused.add(progress);
        pause(batch.topic, batch.partition);
      }
      return { isTaken: true, next: roomForMore() };
    },
    async stop() {
      isStopping = true;
      await Promise.all([queue.stop(), suspects.stop()]);
    },
  };

  function takeIn(task: Task): void {
    const { progress, message } = task;
    if (!progress.take(message.offset)) return;
    const key = message.key?.toString() ?? `${message.topic}/${message.partition}`;
    if (progress.isSuspect(message.offset)) void suspects.add(key, () => workAlone(task)).finally(queue.advance);
    else void queue.add(key, () => workBeside(task));
  }

  /** One promise for all batches of a fetch, because the queue looks at each that waits whenever it moves. */
  async function roomForMore(): Promise<void> {
    if (queue.size < enough) return;
    room ??= Promise.race([queue.room(enough), delay(longestWaitMs, undefined, { ref: false })]).finally(() => {
      room = undefined;
    });
    await room;
  }

  async function workBeside(task: Task): Promise<Pause | undefined> {
    running += 1;
    try {
      return await work(task);
    } finally {
      running -= 1;
      if (running === 0) suspects.advance();
    }
  }

  async function workAlone(task: Task): Promise<Pause | undefined> {
    const { assignment, progress, message } = task;
    if (!assignment.isCurrent) return undefined;
    progress.try(message.offset);
    if (!(await assignment.commit())) return { delayMs: commitAgainAfterMs };
    return work(task);
  }

  async function work({ assignment, progress, message, attempt }: Task): Promise<Pause | undefined> {
    const { offset, topic, partition } = message;
    if (!assignment.isCurrent) return undefined;
    if (!progress.begin(offset) && !(await assignment.commit())) return { delayMs: commitAgainAfterMs };
    const again = await attempt(progress.tried(offset));
    if (again === undefined) {
      progress.end(offset);
      assignment.ended(message);
    }
    // What fails while the member leaves may fail because of that, and is not held against the message.
    else if (!isStopping) progress.failed(offset);
    assignment.commitSoon();
    if (paused.has(progress) && progress.open <= mostOpen / 2) {
      paused.delete(progress);
      if (assignment.isCurrent) resume(topic, partition);
    }
    return again;
  }
}
