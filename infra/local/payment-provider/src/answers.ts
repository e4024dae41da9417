import { isDeepStrictEqual } from "node:util";
import type { Entry, Ledger } from "./ledger.ts";
import { Refusal } from "./refusal.ts";

type Asked = { readonly kind: Entry["kind"]; readonly body: object; readonly outcome: Entry | Refusal };

/**
 * The first answer to each Idempotency-Key. Money that moved is known from the ledger, so these answers survive a
 * restart; refusals moved nothing and are given again from memory.
 */
export function createAnswers(ledger: Ledger) {
  const answers = new Map<string, Asked>();
  for (const entry of ledger.entries) {
    const { kind, orderId, amountInCents, currency, idempotencyKey } = entry;
    answers.set(idempotencyKey, { kind, body: { orderId, amountInCents, currency }, outcome: entry });
  }
  return {
    /** Runs `settle` for a key that is new; for one that is known it gives, or throws, the first outcome again. */
    once(kind: Entry["kind"], key: string, body: object, settle: () => Entry): Entry {
      const known = answers.get(key);
      if (known && !(known.kind === kind && isDeepStrictEqual(known.body, body))) {
        throw new Refusal(422, "This Idempotency-Key came with another request before");
      }
      const outcome = known?.outcome ?? attempt(settle);
      answers.set(key, { kind, body, outcome });
      if (outcome instanceof Refusal) throw outcome;
      return outcome;
    },
  };
}

function attempt(settle: () => Entry): Entry | Refusal {
  try {
    return settle();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}
