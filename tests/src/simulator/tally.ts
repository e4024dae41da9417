import type { Result } from "./run.ts";

/** What many seeds came to. */
export type Tally = {
  readonly seeds: number;
  readonly steps: number;
  /** Those that broke something, the first ones. */
  readonly failed: readonly Result[];
  readonly failures: number;
  readonly sometimes: Readonly<Record<string, number>>;
  /** What must happen sometimes and did not. */
  readonly unproven: readonly string[];
  add(result: Result): void;
};

const kept = 10;

export function createTally(): Tally {
  const failed: Result[] = [];
  const sometimes: Record<string, number> = {};
  const tally = {
    ...{ seeds: 0, steps: 0, failures: 0, failed, sometimes },
    get unproven() {
      return Object.keys(sometimes).filter((name) => sometimes[name] === 0);
    },
    add(result: Result) {
      tally.seeds += 1;
      tally.steps += result.steps;
      for (const [name, count] of Object.entries(result.sometimes)) sometimes[name] = (sometimes[name] ?? 0) + count;
      if (result.violations.length === 0) return;
      tally.failures += 1;
      if (failed.length < kept) failed.push(result);
    },
  };
  return tally;
}

export function toText({ seeds, steps, failures, failed, sometimes, unproven }: Tally): string {
  const count = (number: number) => number.toLocaleString("en");
  const lines = Object.entries(sometimes).map(([name, times]) => `  ${count(times).padStart(9)}  ${name}`);
  return [
    `${count(seeds)} seeds, ${count(steps)} steps: ${failures === 0 ? "every invariant held" : `${count(failures)} seeds broke one`}.`,
    ...failed.flatMap(({ seed, violations }) => [
      `\nSeed ${seed}, which npm run simulate -- --seed ${seed} repeats:`,
      ...violations.slice(0, 5).map(({ id, says }) => `  ${id} ${says}`),
    ]),
    "\nWhat happened sometimes:",
    ...lines,
    ...unproven.map((name) => `NOT PROVEN: no seed saw "${name}", so nothing was shown about it.`),
  ].join("\n");
}
