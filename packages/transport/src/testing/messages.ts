import { createEnvelope, type Envelope, serializeEnvelope } from "@throughline/envelope";

export type SuiteType = "order.created" | "order.cancelled";

/** The `n`-th message about `key`. */
export function order(key: string, n = 1, type: SuiteType = "order.created"): Envelope<{ readonly n: number }> {
  return createEnvelope({ type, version: "1", key, data: { n } }, { source: "suite", sequence: n });
}

/** `count` first messages about as many keys. */
export function orders(count: number): Envelope[] {
  return Array.from({ length: count }, (_, index) => order(`order-${index + 1}`));
}

export function idsOf(envelopes: readonly Envelope[]): string[] {
  return envelopes.map(({ id }) => id).sort();
}

/** A first message about `key`, with other data. */
export function message(key: string, data: unknown): Envelope {
  return createEnvelope({ type: "order.created", version: "1", key, data }, { source: "suite" });
}

/** An envelope whose wire text is that long, or as short as one can be. */
export function messageOfBytes(key: string, bytes: number): Envelope {
  const empty = serializeEnvelope(message(key, "")).length;
  return message(key, "x".repeat(Math.max(0, bytes - empty)));
}
