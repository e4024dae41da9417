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
 * or none; the outcomes are in the order of the works. An effect that takes longer than `effectMs` fails.
 */
export function commitTogether(
  database: Database,
  consumer: string,
  works: readonly Work[],
  effectMs: number,
): Promise<Outcome[]> {
  return database.transaction(async (tx) => {
    // Revoked at the end: whoever still holds it could otherwise write into the connection's next transaction.
    const lent = Proxy.revocable(tx, {});
    try {
      const envelopes = works.map(({ envelope }) => envelope);
      const unhandled = await remember(tx, consumer, envelopes);
      const outcomes: Outcome[] = [];
      for (const { envelope, effect } of works) {
        const isNew = unhandled.delete(envelope.id.toLowerCase());
        outcomes.push(isNew ? "handled" : "duplicate");
        if (!isNew) continue;
        beforeHandle.publish(undefined);
        await inTime(effect(lent.proxy), envelope, effectMs);
        afterHandle.publish(undefined);
      }
      await assertAlive(tx);
      return outcomes;
    } finally {
      lent.revoke();
    }
  });
}

async function inTime(effect: Promise<void>, { type, id }: Envelope, effectMs: number): Promise<void> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const late = () => reject(new Error(`The effect of ${type} ${id} took longer than ${effectMs} ms`));
  const timer = setTimeout(late, effectMs);
  try {
    await Promise.race([effect, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
