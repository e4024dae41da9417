import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { channel } from "node:diagnostics_channel";
import { setImmediate } from "node:timers/promises";
import type { Envelope } from "@throughline/envelope";
import type { Database } from "@throughline/log";
import { commitTogether, type Outcome, type Work } from "./commit.ts";
import type { Parks } from "./processed-messages.ts";
import type { Effect } from "./reaction.ts";
import { isOutage, isTransient, retry } from "./transient.ts";

export type GroupCommitOptions = {
  /** Messages in one transaction at most. */
  readonly batchSize: number;
  /** After these milliseconds the transport gives the attempt up; a database that is not to be had is waited out. */
  readonly timeoutMs: number;
  /** Ends that waiting. */
  readonly signal: AbortSignal;
  readonly keysSideBySide: boolean;
  readonly parks: Parks;
};

type Waiting = Work & {
  readonly until: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (reason: unknown) => void;
};

const afterCommit = channel("throughline:inbox.after_commit");

/**
 * Collects whatever arrives while a transaction runs into the next one, because a commit costs more than most handlers.
 * The promise for a message resolves at its commit. When one fails, its batch is rolled back and done over, each in a
 * transaction of its own, so that only the culprit fails. Effects run in the async context in which they were handed in.
 */
export function createGroupCommit(
  database: Database,
  consumer: string,
  { batchSize, timeoutMs, signal, keysSideBySide, parks }: GroupCommitOptions,
): (envelope: Envelope, effect: Effect) => Promise<Outcome> {
  const waiting: Waiting[] = [];
  const inNobodysContext = AsyncLocalStorage.snapshot();
  // One that hangs fails in its batch, then alone, and its neighbours are still in time.
  const effectMs = Math.ceil(timeoutMs / 3);
  let isCommitting = false;

  async function commitAll(): Promise<void> {
    // What the transport hands over at once belongs into one batch.
    await setImmediate();
    while (waiting.length > 0) await settle(inLockOrder(waiting.splice(0, batchSize)));
    isCommitting = false;
  }

  async function settle(batch: readonly Waiting[]): Promise<void> {
    const until = Math.max(...batch.map((work) => work.until));
    // Batches that deadlock would do so again, since each takes its locks in the order of arrival.
    const waitsOut = batch.length === 1 ? isTransient : isOutage;
    try {
      const commit = () => commitTogether(database, consumer, batch, { effectMs, keysSideBySide, parks });
      const outcomes = await retry(commit, { waitsOut, until, signal });
      for (const [index, outcome] of outcomes.entries()) {
        afterCommit.publish(undefined);
        batch[index]?.resolve(outcome);
      }
    } catch (error) {
      if (batch.length === 1) batch[0]?.reject(error);
      else for (const work of batch) await settle([work]);
    }
  }

  return (envelope, effect) => {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    waiting.push({ envelope, effect: AsyncResource.bind(effect), until: Date.now() + timeoutMs, resolve, reject });
    if (!isCommitting) {
      isCommitting = true;
      void inNobodysContext(commitAll);
    }
    return promise;
  };
}

/** By key, so that processes whose batches touch the same entities lock them in one order and never deadlock. */
function inLockOrder(batch: readonly Waiting[]): Waiting[] {
  return batch.toSorted(({ envelope: a }, { envelope: b }) => (a.key < b.key ? -1 : Number(a.key > b.key)));
}
