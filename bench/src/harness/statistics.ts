export type Spread = { readonly median: number; readonly least: number; readonly most: number };

/** The middle of the values and how far they lie apart. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new Error("Nothing was measured");
  const sorted = values.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), least: sorted[0] ?? 0, most: sorted.at(-1) ?? 0 };
}

/** Of sorted values, the one below which `share` of them lie; between two, their weighted mean. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? 0;
  const above = sorted[Math.ceil(at)] ?? below;
  return below + (above - below) * (at - Math.floor(at));
}

/** Rounds in which the machine was another: the probe is more than `tolerance` off its own median. */
export function voidRounds(probe: readonly number[], tolerance = 0.3): ReadonlySet<number> {
  if (probe.length === 0) return new Set();
  const { median } = spreadOf(probe);
  const isOff = (value: number) => Math.abs(value - median) > tolerance * median;
  return new Set([...probe.keys()].filter((round) => isOff(probe[round] ?? 0)));
}
