import { channel } from "node:diagnostics_channel";
import type { Envelope } from "@throughline/envelope";
import type { Database } from "@throughline/log";
import { assertAlive, remember } from "./processed-messages.ts";
import type { Effect } from "./reaction.ts";

export type Outcome = "handled" | "duplicate";

/** An envelope with what it changes. */
export type Work = { readonly envelope: Envelope; readonly effect: Effect };

const beforeHandle = channel("throughline:inbox.before_handle");
const afterHandle = channel("throughline:inbox.after_handle");

/**
 * One transaction for all: remembers the envelopes, then runs the effects of the new ones one after another. All commit,
 * or none; the outcomes are in the order of the works.
 */
export function commitTogether(database: Database, consumer: string, works: readonly Work[]): Promise<Outcome[]> {
  return database.transaction(async (tx) => {
    const envelopes = works.map(({ envelope }) => envelope);
    const unhandled = await remember(tx, consumer, envelopes);
    const outcomes: Outcome[] = [];
    for (const { envelope, effect } of works) {
      const isNew = unhandled.delete(envelope.id.toLowerCase());
      outcomes.push(isNew ? "handled" : "duplicate");
      if (!isNew) continue;
      beforeHandle.publish(undefined);
      await effect(tx);
      afterHandle.publish(undefined);
    }
    await assertAlive(tx);
    return outcomes;
  });
}
