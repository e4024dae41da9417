import { availableParallelism } from "node:os";
import { expect, test } from "vitest";
import { findBreak, runSeeds } from "./simulator/farm.ts";
import { type Mutant, mutants } from "./simulator/mutants.ts";
import type { Result } from "./simulator/run.ts";
import { createTally, toText } from "./simulator/tally.ts";

/** `.ci/run` runs ten thousand beside it. */
const seeds = 200;
/** By then, from where the search begins, each mutant is caught; most are by the tenth. */
const seedsPerMutant = 5_000;

test("two hundred seeds break no invariant, and have seen all that must happen sometimes", {
  timeout: 600_000,
}, async () => {
  const tally = createTally();
  await runSeeds(0, seeds, { onResult: tally.add });
  console.log(toText(tally));
  expect(tally.failed).toEqual([]);
  expect(tally.unproven).toEqual([]);
  expect(tally.seeds).toBe(seeds);
});

test("the same seed is the same run", async () => {
  const runs: Result[][] = [[], []];
  for (const results of runs) await runSeeds(100, 120, { onResult: (result) => results.push(result) });
  const [first, second] = runs.map((results) => results.toSorted((one, other) => one.seed - other.seed));
  expect(first).toEqual(second);
});

test("each deliberate break is caught by the invariant that it breaks", { timeout: 600_000 }, async () => {
  const found = new Map<string, string>();
  const left = [...mutants];
  async function work(): Promise<void> {
    for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
      const result = await findBreak(mutant, seedsPerMutant);
      found.set(mutant.name, result === undefined ? "survives" : rowOf(mutant, result));
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  console.log(mutants.map(({ name }) => found.get(name)).join("\n"));
  expect(mutants.filter(({ name }) => found.get(name) === "survives").map(({ name }) => name)).toEqual([]);
  expect(mutants.length).toBeGreaterThanOrEqual(15);
});

function rowOf({ breaks, name }: Mutant, { seed, violations }: Result): string {
  const says = violations.find(({ id }) => id === breaks)?.says;
  return `${breaks.padEnd(3)} seed ${String(seed).padStart(3)}  ${name}: ${says}`;
}
