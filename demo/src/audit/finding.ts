import type { Plan } from "../plan.ts";
import type { PlacedOrder } from "../replay.ts";
import type { Roads } from "../surroundings.ts";
import type { Sighting } from "../taps.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { LedgerEntry } from "./ledger.ts";
import type { Message } from "./messages.ts";
import type { Records } from "./records.ts";
import type { Window } from "./window.ts";

/** All that an audit judges by: what was asked for, what the databases say, what was seen, and what was paid. */
export type Evidence = {
  readonly window: Window;
  readonly plan: Plan;
  readonly placed: readonly PlacedOrder[];
  readonly records: Records;
  readonly roads: Roads;
  readonly sightings: readonly Sighting[];
  /** By message id: the roads on which it was seen. */
  readonly seenOn: ReadonlyMap<string, ReadonlySet<string>>;
  /** Of this run. */
  readonly ledger: readonly LedgerEntry[];
  readonly deadLetters: { readonly before: DeadLetters; readonly after: DeadLetters };
};

/** One line of the table. */
export type Finding = {
  /** Of guarantees.md. */
  readonly id: string;
  readonly says: string;
  readonly expected: string;
  readonly found: string;
  /** Every single thing that breaks it; empty where it holds. */
  readonly offenders: readonly Offender[];
};

export type Offender = { readonly id: string; readonly fault: string };

export function isHeld({ expected, found, offenders }: Finding): boolean {
  return expected === found && offenders.length === 0;
}

/** How far a message came. */
export function lastSeen({ id, service }: Message, { records, seenOn }: Evidence): string {
  const groups = [...records.handled].filter(([, ids]) => ids.has(id)).map(([group]) => group);
  const roads = [...(seenOn.get(id) ?? [])];
  const handled = groups.length > 0 ? `, handled by ${groups.join(", ")}` : "";
  const published = roads.length > 0 ? `, published on ${roads.join(", ")}` : ", seen on no broker";
  return `committed by ${service}${published}${handled}`;
}

export function roadsById(sightings: readonly Sighting[]): Map<string, Set<string>> {
  const roads = new Map<string, Set<string>>();
  for (const { id, road } of sightings) roads.set(id, (roads.get(id) ?? new Set()).add(road));
  return roads;
}

export function count(number: number): string {
  return number.toLocaleString("en-US");
}

export function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
