import type { Envelope } from "@throughline/envelope";
import type { CompleteSubscription } from "./subscription.ts";

/** What this process remembers of the messages of a subscription, by their ids. Forgets the eldest of 1,000. */
export type Recent<Value> = {
  get(subscription: CompleteSubscription, envelope: Envelope): Value | undefined;
  set(subscription: CompleteSubscription, envelope: Envelope, value: Value): void;
  forget(subscription: CompleteSubscription, envelope: Envelope): void;
};

const most = 1_000;

export function createRecent<Value>(): Recent<Value> {
  const values = new WeakMap<CompleteSubscription, Map<string, Value>>();
  return {
    get: (subscription, { id }) => values.get(subscription)?.get(id),
    set(subscription, { id }, value) {
      const known = values.get(subscription) ?? new Map<string, Value>();
      values.set(subscription, known.set(id, value));
      const [eldest = id] = known.keys();
      if (known.size > most) known.delete(eldest);
    },
    forget: (subscription, { id }) => void values.get(subscription)?.delete(id),
  };
}
