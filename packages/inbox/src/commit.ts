import { channel } from "node:diagnostics_channel";
import type { Envelope } from "@throughline/envelope";
import type { Database } from "@throughline/log";
import { passKeys, putAside } from "./parked-keys.ts";
import { assertAlive, type Parks, remember } from "./processed-messages.ts";
import type { Effect } from "./reaction.ts";

/** `parked`: the key waits for a dead message, and this one waits behind it, in the database. */
export type Outcome = "handled" | "duplicate" | "parked";

/** An envelope with what it changes. */
export type Work = { readonly envelope: Envelope; readonly effect: Effect };

const beforeHandle = channel("throughline:inbox.before_handle");
const afterHandle = channel("throughline:inbox.after_handle");

export type CommitLimits = {
  /** After these milliseconds an effect fails. */
  readonly effectMs: number;
  readonly parks: Parks;
};

/**
 * One transaction for all: remembers the envelopes, then runs the effects of the new ones one after another. All commit,
 * or none; the outcomes are in the order of the works.
 */
export function commitTogether(
  database: Database,
  consumer: string,
  works: readonly Work[],
  { effectMs, parks }: CommitLimits,
): Promise<Outcome[]> {
  return database.transaction(async (tx) => {
    // Revoked at the end: whoever still holds it could otherwise write into the connection's next transaction.
    const lent = Proxy.revocable(tx, {});
    try {
      const envelopes = works.map(({ envelope }) => envelope);
      const known = await remember(tx, consumer, envelopes, parks);
      const those = (ids: ReadonlySet<string>) => envelopes.filter(({ id }) => ids.has(id.toLowerCase()));
      if (known.held.size > 0) await putAside(tx, consumer, those(known.held));
      const outcomes: Outcome[] = [];
      for (const { envelope, effect } of works) {
        const id = envelope.id.toLowerCase();
        const isNew = known.new.delete(id);
        outcomes.push(known.held.has(id) ? "parked" : isNew ? "handled" : "duplicate");
        if (!isNew) continue;
        beforeHandle.publish(undefined);
        await inTime(effect(lent.proxy), envelope, effectMs);
        afterHandle.publish(undefined);
      }
      if (known.next.size > 0) await passKeys(tx, consumer, those(known.next));
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
