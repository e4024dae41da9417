import type { Outcome } from "./destination.ts";
import type { DueKeys, ParkingPolicy } from "./parking.ts";

/** What becomes of parked messages after a try, as columns for the database. */
export type Verdict = {
  /** Positions. */
  readonly delivered: number[];
  /** Positions, tries and errors. */
  readonly dead: [positions: number[], tries: number[], errors: string[]];
  /** Keys, how often the first row was refused, when to try again (null: when a person says so), and the error. */
  readonly keys: [keys: string[], tries: number[], retryInMs: (number | null)[], errors: (string | null)[]];
};

/** Only a refusal counts as a try: while the destination is unavailable, nothing dies. */
export function judge(
  { keys, rows }: DueKeys,
  { refused, unknown }: Outcome,
  { tries: maxTries, afterDead, retryMs }: ParkingPolicy,
  backOff: (tries: number) => number,
): Verdict {
  const verdict: Verdict = { delivered: [], dead: [[], [], []], keys: [[], [], [], []] };
  const rowsByKey = Map.groupBy(rows, ({ key }) => key);

  function addKey(key: string, tries: number, retryInMs: number | null, error?: Error): void {
    const [names, triesOfKeys, delays, errors] = verdict.keys;
    names.push(key);
    triesOfKeys.push(tries);
    delays.push(retryInMs);
    errors.push(error?.message ?? null);
  }

  for (const { key, tries: triesBefore } of keys) {
    const own = rowsByKey.get(key) ?? [];
    const isLacking = ({ id }: { readonly id: string }) => refused.has(id) || unknown.has(id);
    verdict.delivered.push(...own.filter((row) => !isLacking(row)).map(({ position }) => position));
    const head = own.find(isLacking);
    if (head === undefined) {
      addKey(key, 0, 0);
      continue;
    }
    const before = head === own[0] ? triesBefore : 0;
    const refusal = refused.get(head.id);
    if (refusal === undefined) {
      addKey(key, before, retryMs, unknown.get(head.id));
    } else if (before + 1 < maxTries) {
      addKey(key, before + 1, backOff(before + 1), refusal);
    } else {
      const [positions, tries, errors] = verdict.dead;
      positions.push(head.position);
      tries.push(before + 1);
      errors.push(refusal.message);
      addKey(key, 0, afterDead === "hold" ? null : 0, refusal);
    }
  }
  return verdict;
}
