/** What may be found, and what it says of the house. */
export const kinds = {
  missing: { verdict: "lost", says: "published, and not handled by a group" },
  gap: { verdict: "lost", says: "counted for a key, and in no outbox" },
  "twice-told": { verdict: "doubled", says: "twice in an outbox under one id" },
  "twice-numbered": { verdict: "doubled", says: "under a number of its key that another has" },
  "twice-handled": { verdict: "doubled", says: "handled twice by one group" },
  "twice-caused": { verdict: "doubled", says: "cause of the same event twice" },
  ghost: { verdict: "ghost", says: "handled, and never committed by anyone" },
  "ghost-cause": { verdict: "ghost", says: "cause of an event, and never committed by anyone" },
  unremembered: { verdict: "ghost", says: "cause of an event of a service that has not handled it" },
  dead: { verdict: "dead", says: "set aside, and for a person to settle" },
  waiting: { verdict: "waiting", says: "on its way, or behind another message" },
  settled: { verdict: "settled", says: "discarded or replaced by a person" },
} as const;

export type Kind = keyof typeof kinds;
export type Verdict = (typeof kinds)[Kind]["verdict"];

export type Finding = {
  readonly kind: Kind;
  /** Of a message; of a gap, source and key. */
  readonly id: string;
  readonly fault: string;
  /** How many messages are meant. Default: 1. */
  readonly times?: number;
};
