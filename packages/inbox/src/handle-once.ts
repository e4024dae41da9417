import type { Envelope } from "@throughline/envelope";
import type { Database, Transaction } from "@throughline/log";
import { commitTogether, type Outcome } from "./commit.ts";
import { defaultRetentionDays, refuseForgotten } from "./retention.ts";
import { isTransient, retry } from "./transient.ts";

const patienceMs = 30_000;
const effectMs = 30_000;

/**
 * Runs `handle` in one transaction with the note that this consumer has handled the envelope: both commit, or neither.
 * It has 30 s. A duplicate runs nothing; one that comes at the same time waits for the first, and takes over if that fails. Throws
 * what `handle` throws, and a `RejectedError` for a message older than the inbox remembers.
 */
export async function handleOnce(
  database: Database,
  consumer: string,
  envelope: Envelope,
  handle: (tx: Transaction) => Promise<void>,
): Promise<Outcome> {
  refuseForgotten(envelope, defaultRetentionDays);
  const options = { effectMs, keysSideBySide: false, parks: new Set<string>() };
  const commit = () => commitTogether(database, consumer, [{ envelope, effect: handle }], options);
  const [outcome] = await retry(commit, { waitsOut: isTransient, until: Date.now() + patienceMs });
  if (outcome === undefined) throw new Error(`Handling ${envelope.type} ${envelope.id} had no outcome`);
  return outcome;
}
