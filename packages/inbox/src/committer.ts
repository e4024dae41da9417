import { AsyncResource } from "node:async_hooks";
import { channel } from "node:diagnostics_channel";
import type { Envelope } from "@throughline/envelope";
import { createGroupCommit, type Database } from "@throughline/log";
import { type CommitOptions, commitTogether, type Outcome, type Work } from "./commit.ts";
import type { Effect } from "./reaction.ts";
import { isOutage, isTransient, retry } from "./transient.ts";

export type CommitterOptions = Omit<CommitOptions, "effectMs"> & {
  /** Messages in one transaction at most. */
  readonly batchSize: number;
  /** After these milliseconds the transport gives the attempt up; a database that is not to be had is waited out. */
  readonly timeoutMs: number;
  /** Ends that waiting. */
  readonly signal: AbortSignal;
};

type DueWork = Work & { readonly until: number };

const afterCommit = channel("throughline:inbox.after_commit");

/** Remembers and handles what is in flight at the same time in one transaction, each effect in its own async context. */
export function createCommitter(
  database: Database,
  consumer: string,
  { batchSize, timeoutMs, signal, ...options }: CommitterOptions,
): (envelope: Envelope, effect: Effect) => Promise<Outcome> {
  // One that hangs fails in its batch, then alone, and its neighbours are still in time.
  const effectMs = Math.ceil(timeoutMs / 3);
  const commit = createGroupCommit(commitAll, { batchSize });
  return (envelope, effect) => commit({ envelope, effect: AsyncResource.bind(effect), until: Date.now() + timeoutMs });

  async function commitAll(works: readonly DueWork[]): Promise<Outcome[]> {
    const until = Math.max(...works.map((work) => work.until));
    // Batches that deadlock would do so again.
    const waitsOut = works.length === 1 ? isTransient : isOutage;
    const ordered = inLockOrder(works);
    const commitOnce = () => commitTogether(database, consumer, ordered, { ...options, effectMs });
    const outcomes = await retry(commitOnce, { waitsOut, until, signal });
    for (const _ of outcomes) afterCommit.publish(undefined);
    const byWork = new Map(ordered.map((work, index) => [work, outcomes[index] as Outcome]));
    return works.map((work) => byWork.get(work) as Outcome);
  }
}

/** By key, so that processes whose batches touch the same entities lock them in one order and never deadlock. */
function inLockOrder(works: readonly DueWork[]): DueWork[] {
  return works.toSorted(({ envelope: a }, { envelope: b }) => (a.key < b.key ? -1 : Number(a.key > b.key)));
}
