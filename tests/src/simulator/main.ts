import { hostname } from "node:os";
import { listenForInterruption } from "@throughline/terminal";
import { Presets, SingleBar } from "cli-progress";
import { Command, InvalidArgumentError } from "commander";
import { runSeeds } from "./farm.ts";
import { createTally, toText } from "./tally.ts";

/** `npm run simulate`: many seeds with a progress bar, or one of them step by step. The result goes to stdout. */
const { seed, seeds, from } = new Command("npm run simulate --")
  .description("Runs the code of the relay and the consumer against an adversary that owns time, crashes and order.")
  .option("--seed <n>", "runs this one alone, and prints each of its steps", toWhole)
  .option("--seeds <n>", "how many", toWhole, 10_000)
  .option("--from <n>", "the first of them", toWhole, 0)
  .addHelpText(
    "after",
    "\nExits with 0 only if every invariant held, and everything happened that has to happen sometimes.",
  )
  .parse()
  .opts<{ seed?: number; seeds: number; from: number }>();

process.exitCode = seed === undefined ? await runMany(from, from + seeds) : await runOne(seed);

async function runMany(first: number, end: number): Promise<number> {
  const signal = listenForInterruption();
  const tally = createTally();
  const bar = new SingleBar(
    { format: "{bar} {value} of {total} seeds · {duration_formatted}" },
    Presets.shades_classic,
  );
  bar.start(end - first, 0);
  try {
    await runSeeds(first, end, {
      signal,
      onResult(result) {
        tally.add(result);
        bar.update(tally.seeds);
      },
    });
  } finally {
    bar.stop();
  }
  console.log(toText(tally));
  if (signal.aborted) return 130;
  return tally.failures === 0 && tally.unproven.length === 0 ? 0 : 1;
}

async function runOne(only: number): Promise<number> {
  const { installStandIns } = await import("./hooks.ts");
  installStandIns();
  const { runSeed } = await import("./run.ts");
  const self = `${hostname()}:${process.pid}:`;
  const { violations, steps } = await runSeed(only, (line) => console.log(line.replaceAll(self, "")));
  for (const { id, says } of violations) console.log(`${id} BROKEN: ${says}`);
  console.log(`Seed ${only}: ${steps} steps, ${violations.length === 0 ? "every invariant held" : "broken"}.`);
  return violations.length === 0 ? 0 : 1;
}

function toWhole(value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new InvalidArgumentError("Expected a whole number from 0, with at most nine digits.");
}
