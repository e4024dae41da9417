import type { Outcome } from "./destination.ts";
import type { DueKeys, Verdict } from "./parked-rows.ts";
import { backOffMs } from "./pause.ts";

export type ParkingPolicy = {
  /** Before the second try, in milliseconds; it doubles with each further one, with jitter, to 5 minutes. */
  readonly retryMs: number;
  readonly tries: number;
  readonly afterDead: "continue" | "hold";
};

const maxRetryMs = 300_000;

/** Only a refusal counts as a try: while the destination is unavailable, nothing dies. */
export function judge({ keys, rows }: DueKeys, { refused, unknown }: Outcome, policy: ParkingPolicy): Verdict {
  const verdict: Verdict = { delivered: [], dead: [[], [], []], keys: [[], [], [], []] };
  const rowsByKey = Map.groupBy(rows, ({ key }) => key);
  for (const { key, tries: triesBefore } of keys) {
    const own = rowsByKey.get(key) ?? [];
    const isLacking = ({ id }: { readonly id: string }) => refused.has(id) || unknown.has(id);
    verdict.delivered.push(...own.filter((row) => !isLacking(row)).map(({ position }) => position));
    const head = own.find(isLacking);
    const refusal = head && refused.get(head.id);
    const tries = (head === own[0] ? triesBefore : 0) + 1;
    if (head === undefined) {
      addKey(verdict, key, 0, 0);
    } else if (refusal === undefined) {
      addKey(verdict, key, tries - 1, withJitter(policy.retryMs), unknown.get(head.id));
    } else if (tries < policy.tries) {
      addKey(verdict, key, tries, withJitter(backOffMs(tries, policy.retryMs, maxRetryMs)), refusal);
    } else {
      addDead(verdict, head.position, tries, refusal);
      addKey(verdict, key, 0, policy.afterDead === "hold" ? null : 0, refusal);
    }
  }
  return verdict;
}

/** Late, never early: up to half as much again, so that keys refused together do not come back together. */
export function withJitter(ms: number): number {
  return ms * (1 + Math.random() / 2);
}

function addKey({ keys }: Verdict, key: string, tries: number, retryInMs: number | null, error?: Error): void {
  const [names, triesOfKeys, pauses, errors] = keys;
  names.push(key);
  triesOfKeys.push(tries);
  pauses.push(retryInMs);
  errors.push(error?.message ?? null);
}

function addDead({ dead }: Verdict, position: number, tries: number, error: Error): void {
  const [positions, triesOfRows, errors] = dead;
  positions.push(position);
  triesOfRows.push(tries);
  errors.push(error.message);
}
