import { setTimeout as delay } from "node:timers/promises";
import { type Envelope, parseEnvelope } from "@throughline/envelope";
import type { EachBatchPayload } from "kafkajs";
import { createKeyQueue, type Pause } from "../key-queue.ts";
import { attemptEnvelope } from "../process.ts";
import { toError } from "../reason.ts";
import { type CompleteSubscription, retryDelayMs, tellFailure } from "../subscription.ts";
import type { Assignment } from "./assignment.ts";
import type { Progress } from "./progress.ts";
import { headerOf, type Position } from "./records.ts";

/** What happens to messages once they are fetched. */
export type Intake = {
  /**
   * Puts a batch behind what is in hand; resolves when more may be fetched, not when the batch is handled. kafkajs
   * fetches nothing before all batches of the last fetch are through, so one stuck key would stop every partition.
   */
  take(payload: EachBatchPayload, assignment: Assignment): Promise<void>;
  /** Begins nothing more and resolves when the handlers in flight have ended. */
  stop(): Promise<void>;
};

/** Resolves when the dead letter is with the broker. */
export type SetAside = (position: Position, attempts: number, error: Error) => Promise<void>;

/** One message in hand. */
type Task = {
  readonly position: Position;
  readonly progress: Progress;
  readonly assignment: Assignment;
  attempts: number;
  /** Set once no further attempt will be made. */
  verdict?: { readonly error: Error; readonly envelope?: Envelope };
};

/** A partition with more messages in hand is not fetched until half of them are done: something in it is stuck. */
const mostOpen = 500;
/** The longest that one fetch waits for the last: where stuck keys fill the queue, the others still go on. */
const longestWaitMs = 500;
/** The pause before kafkajs is given again what comes at the wrong time. */
const refetchAfterMs = 100;

export function createIntake(subscription: CompleteSubscription, setAside: SetAside): Intake {
  const queue = createKeyQueue(subscription.concurrency);
  const enough = 10 * subscription.concurrency;
  const resumes = new WeakMap<Progress, () => void>();
  let isStopping = false;
  let room: Promise<void> | undefined;

  return {
    async take(payload, assignment) {
      if (isStopping || !assignment.isCurrent) return delay(refetchAfterMs);
      const { batch, resolveOffset, pause } = payload;
      const { topic, partition } = batch;
      const progress = assignment.progressOf(payload);
      for (const message of batch.messages) {
        progress.begin(message.offset);
        const task: Task = { position: { topic, partition, message }, progress, assignment, attempts: 0 };
        void queue.add(message.key?.toString() ?? `${topic}/${partition}`, () => work(task));
      }
      resolveOffset(batch.lastOffset());
      if (progress.open > mostOpen) resumes.set(progress, pause());
      await roomForMore();
    },
    stop() {
      isStopping = true;
      return queue.stop();
    },
  };

  /** One promise for all batches of a fetch, because the queue looks at each that waits whenever it moves. */
  async function roomForMore(): Promise<void> {
    if (queue.size < enough) return;
    room ??= Promise.race([queue.room(enough), delay(longestWaitMs, undefined, { ref: false })]).finally(() => {
      room = undefined;
    });
    await room;
  }

  async function work(task: Task): Promise<Pause | undefined> {
    if (!task.assignment.isCurrent) return undefined;
    const pause = (task.verdict === undefined ? await attempt(task) : undefined) ?? (await setAsideIfDead(task));
    if (pause !== undefined) return pause;
    task.progress.end(task.position.message.offset);
    task.assignment.commitSoon();
    if (task.progress.open <= mostOpen / 2) {
      resumes.get(task.progress)?.();
      resumes.delete(task.progress);
    }
    return undefined;
  }

  async function attempt(task: Task): Promise<Pause | undefined> {
    const { topic, message } = task.position;
    task.attempts += 1;
    let envelope: Envelope;
    try {
      envelope = parseEnvelope(message.value ?? "");
    } catch (thrown) {
      task.verdict = { error: toError(thrown) };
      return undefined;
    }
    const arrival = { system: "kafka", destination: topic, traceparent: headerOf(message, "traceparent") };
    const verdict = await attemptEnvelope(subscription, envelope, task.attempts, arrival);
    if (verdict.kind === "retry") {
      tellFailure(subscription, { error: verdict.error, envelope, deadLettered: false });
      return verdict;
    }
    if (verdict.kind === "dead") task.verdict = { error: verdict.error, envelope };
    return undefined;
  }

  /** Until the dead letter is with the broker, the offset does not move, and the key waits. */
  async function setAsideIfDead({ position, attempts, verdict }: Task): Promise<Pause | undefined> {
    if (verdict === undefined) return undefined;
    try {
      await setAside(position, attempts, verdict.error);
      tellFailure(subscription, { ...verdict, deadLettered: true });
      return undefined;
    } catch (cause) {
      const error = new Error(`The dead letter of ${position.topic} could not be written yet`, { cause });
      tellFailure(subscription, { ...verdict, error, deadLettered: false });
      return { delayMs: retryDelayMs(subscription, attempts) };
    }
  }
}
