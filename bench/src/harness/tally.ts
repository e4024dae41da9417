/** Counts, by number, what arrived of a known set of messages, however many they are: a byte each. */
export type Tally = {
  readonly expected: number;
  /** Notes an arrival. */
  take(id: string): void;
  /** Resolves when as many have arrived as were expected. */
  readonly complete: Promise<void>;
  faults(): Faults;
};

/** Up to ten ids of each kind beside their counts. */
export type Faults = {
  readonly lost: number;
  readonly doubled: number;
  /** Arrivals that nobody sent. */
  readonly strange: number;
  readonly examples: readonly string[];
};

/** A UUID that says which of the messages it belongs to. */
export function idOf(number: number): string {
  return `00000000-0000-7000-8000-${number.toString(16).padStart(12, "0")}`;
}

export function createTally(expected: number): Tally {
  const counts = new Uint8Array(expected);
  const complete = Promise.withResolvers<void>();
  let arrived = 0;
  let strange = 0;
  if (expected === 0) complete.resolve();
  return {
    expected,
    complete: complete.promise,
    take(id) {
      const number = Number.parseInt(id.slice(24), 16);
      const count = counts[number];
      if (count === undefined) strange += 1;
      else counts[number] = Math.min(255, count + 1);
      arrived += 1;
      if (arrived === expected) complete.resolve();
    },
    faults: () => faultsOf(counts, strange),
  };
}

/** Why a figure with these faults counts for nothing; undefined where there are none. */
export function refusalOf({ lost, doubled, strange, examples }: Faults): string | undefined {
  const parts = Object.entries({ lost, "came twice": doubled, "nobody sent": strange })
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${count} ${what}`);
  return parts.length === 0 ? undefined : `${parts.join(", ")} (${examples.slice(0, 3).join(", ")} …)`;
}

function faultsOf(counts: Uint8Array, strange: number): Faults {
  const numbers = Array.from(counts.keys());
  const lost = numbers.filter((number) => counts[number] === 0);
  const doubled = numbers.filter((number) => (counts[number] ?? 0) > 1);
  return {
    lost: lost.length,
    doubled: doubled.length,
    strange,
    examples: [...lost.slice(0, 10), ...doubled.slice(0, 10)].map(idOf),
  };
}
