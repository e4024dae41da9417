import { channel } from "node:diagnostics_channel";
import type { Envelope } from "@throughline/envelope";
import { allEnded, type Database, lendTransaction, type Transaction } from "@throughline/log";
import { inTime } from "./in-time.ts";
import { passKeys, putAside } from "./parked-keys.ts";
import { type Parks, type Remembered, remember } from "./processed-messages.ts";
import type { Effect } from "./reaction.ts";

/** `parked`: the key waits for a dead message, and this one waits behind it, in the database. */
export type Outcome = "handled" | "duplicate" | "parked";

/** An envelope with what it changes. */
export type Work = { readonly envelope: Envelope; readonly effect: Effect };

const beforeHandle = channel("throughline:inbox.before_handle");
const afterHandle = channel("throughline:inbox.after_handle");

export type CommitOptions = {
  /** After these milliseconds an effect fails. */
  readonly effectMs: number;
  /** Whether effects of different keys run side by side, and not one after another. */
  readonly keysSideBySide: boolean;
  readonly parks: Parks;
};

/**
 * One transaction for all: remembers the envelopes, then runs the effects of the new ones. All commit, or none; the
 * outcomes are in the order of the works.
 */
export function commitTogether(
  database: Database,
  consumer: string,
  works: readonly Work[],
  { effectMs, keysSideBySide, parks }: CommitOptions,
): Promise<Outcome[]> {
  return lendTransaction(database, async (tx) => {
    const envelopes = works.map(({ envelope }) => envelope);
    const known = await remember(tx, consumer, envelopes, parks);
    const those = (ids: ReadonlySet<string>) => envelopes.filter(({ id }) => ids.has(id.toLowerCase()));
    if (known.held.size > 0) await putAside(tx, consumer, those(known.held));
    const outcomes = works.map(({ envelope: { id } }) => outcomeOf(id.toLowerCase(), known));
    const due = works.filter((_, index) => outcomes[index] === "handled");
    const runs = keysSideBySide ? [...Map.groupBy(due, ({ envelope }) => envelope.key).values()] : [due];
    await allEnded(runs.map((run) => runInTurn(run, tx, effectMs)));
    if (known.next.size > 0) await passKeys(tx, consumer, those(known.next));
    return outcomes;
  });
}

/** The first of two copies in one batch is the new one. */
function outcomeOf(id: string, known: Remembered): Outcome {
  if (known.held.has(id)) return "parked";
  return known.new.delete(id) ? "handled" : "duplicate";
}

async function runInTurn(works: readonly Work[], tx: Transaction, effectMs: number): Promise<void> {
  for (const { envelope, effect } of works) {
    beforeHandle.publish(undefined);
    await inTime(effect(tx), { what: "The effect of", of: envelope, ms: effectMs });
    afterHandle.publish(undefined);
  }
}
