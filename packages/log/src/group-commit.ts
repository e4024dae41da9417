import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { setImmediate } from "node:timers/promises";
import { DrizzleQueryError } from "drizzle-orm";
import { confine } from "./confine.ts";
import type { Database, Transaction } from "./database.ts";
import { UnknownOutcomeError } from "./unknown-outcome.ts";

/** One transaction for all works; the results are in their order. */
export type CommitAll<Work, Result> = (works: readonly Work[]) => Promise<readonly Result[]>;

type Waiting<Work, Result> = { readonly work: Work; readonly done: PromiseWithResolvers<Result> };

/**
 * Collects what comes while a transaction runs into the next one, because a commit costs more than most works. The
 * promise of a work is settled at its commit. When one fails, its batch is rolled back and done over, each in a
 * transaction of its own, so that only the culprit fails. With an `UnknownOutcomeError` all fail: none is done over, since
 * it may be done.
 */
export function createGroupCommit<Work, Result>(
  commitAll: CommitAll<Work, Result>,
  { batchSize }: { readonly batchSize: number },
): (work: Work) => Promise<Result> {
  const waiting: Waiting<Work, Result>[] = [];
  const inNobodysContext = AsyncLocalStorage.snapshot();
  let isCommitting = false;

  async function commitWaiting(): Promise<void> {
    // What comes in one turn of the event loop belongs into one batch.
    await setImmediate();
    while (waiting.length > 0) await settle(waiting.splice(0, batchSize));
    isCommitting = false;
  }

  async function settle(batch: readonly Waiting<Work, Result>[]): Promise<void> {
    try {
      const results = await commitAll(batch.map(({ work }) => work));
      for (const [index, { done }] of batch.entries()) done.resolve(results[index] as Result);
    } catch (error) {
      const isOver = batch.length === 1 || error instanceof UnknownOutcomeError;
      if (isOver) for (const { done } of batch) done.reject(error);
      else for (const one of batch) await settle([one]);
    }
  }

  return (work) => {
    const done = Promise.withResolvers<Result>();
    waiting.push({ work, done });
    if (!isCommitting) {
      isCommitting = true;
      void inNobodysContext(commitWaiting);
    }
    return done.promise;
  };
}

/**
 * Like `database.transaction`, for many callers at once: those that come at the same time share one. Each work is run
 * beside the others, and again, alone, when one of them fails; it asks nothing of the others' entities, makes no
 * savepoint, and changes nothing but the database. All reject with an `UnknownOutcomeError` where the connection broke at
 * their COMMIT.
 */
export function shareTransactions(
  database: Database,
  { batchSize = 50 }: { readonly batchSize?: number } = {},
): <Result>(work: (tx: Transaction) => Promise<Result>) => Promise<Result> {
  type Work = (tx: Transaction) => Promise<unknown>;
  const commit = createGroupCommit<Work, unknown>(
    (works) => lendTransaction(database, (tx) => allEnded(works.map((work) => work(tx)))),
    { batchSize },
  );
  return async <Result>(work: (tx: Transaction) => Promise<Result>) =>
    (await commit(AsyncResource.bind(work))) as Result;
}

/**
 * A transaction for work that others wrote: what they keep of the handle is of no more use once it has ended, and a
 * failed statement that they swallowed fails it. (Postgres answers the COMMIT after such an error with a rollback and
 * without an error, so that everybody would believe in what is gone.) Rejects with an `UnknownOutcomeError` where the
 * connection broke at the COMMIT; with any other error, nothing is left of it.
 */
export async function lendTransaction<Result>(
  database: Database,
  work: (tx: Transaction) => Promise<Result>,
): Promise<Result> {
  let isCommitting = false;
  try {
    return await database.transaction(async (tx) => {
      const confinement = confine(tx);
      try {
        const result = await work(tx);
        isCommitting = true;
        return result;
      } finally {
        // What still runs, in a savepoint too, could otherwise write into the connection's next transaction.
        confinement.close();
      }
    });
  } catch (error) {
    if (isCommitting && !isRefusal(error)) throw new UnknownOutcomeError(error);
    if (!(error instanceof DrizzleQueryError) || error.query !== "commit") throw error;
    throw new Error(`The transaction did not commit: ${error.cause?.message}`, { cause: error.cause });
  }
}

/** The server's own word on the COMMIT. Where that had no answer, drizzle's ROLLBACK has none, or one about nothing. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error) || (error instanceof DrizzleQueryError && error.query === "rollback")) return false;
  return "severity" in error || isRefusal(error.cause);
}

/** Rejects with the first failure, once none is under way any more: the transaction must outlive what runs in it. */
export async function allEnded<Runs extends readonly unknown[] | []>(
  runs: Runs,
): Promise<{ -readonly [Index in keyof Runs]: Awaited<Runs[Index]> }> {
  await Promise.allSettled(runs);
  return Promise.all(runs);
}
