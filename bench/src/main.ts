import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrokerAddresses, missing, startBrokers } from "@throughline/local/brokers";
import { freeBasePort } from "@throughline/local/ports";
import { listenForInterruption } from "@throughline/terminal";
import { readCommandLine } from "./command-line.ts";
import type { Answer, Bench } from "./harness/bench.ts";
import { describeMachine } from "./harness/machine.ts";
import { openPlace } from "./harness/places.ts";
import { isGood, type Result, resultOf, save } from "./harness/result.ts";
import { runRounds } from "./harness/rounds.ts";
import { format, toText } from "./harness/text.ts";
import { installPeers } from "./install-peers.ts";

/** `npm run bench`: the comparisons side by side. Results go to stdout, all else to stderr. */
const { chosen, rounds } = readCommandLine(process.argv.slice(2));
const signal = listenForInterruption();
const dataDir = mkdtempSync(join(tmpdir(), "throughline-bench-"));
try {
  installPeers();
  await using brokers = await startBrokers({ basePort: await freeBasePort(), dataDir, log: console.error });
  for (const bench of chosen.filter(isPossible)) {
    const result = await run(bench, brokers.addresses);
    save(result);
    console.log(toText(result));
    if (!isGood(result)) process.exitCode = 1;
  }
  console.error("\nRaw figures and pictures are in bench/results.");
} catch (error) {
  if (!signal.aborted) throw error;
  console.error("Interrupted: what was started is gone.");
  process.exitCode = 130;
} finally {
  rmSync(dataDir, { recursive: true, force: true });
}

async function run(bench: Bench, addresses: BrokerAddresses): Promise<Result> {
  console.error(`\n${bench.name} …`);
  const machine = await describeMachine(addresses);
  const measured = await runRounds(bench, {
    rounds,
    openPlace: () => openPlace(addresses),
    onAnswer: (round, contender, answer) =>
      console.error(`${round || "warm-up"} ${contender}: ${toWords(bench, answer)}`),
    signal,
  });
  return resultOf(bench, rounds, measured, machine);
}

function isPossible({ name, needs = [] }: Bench): boolean {
  const reasons = needs.map((broker) => missing[broker]).filter((reason) => reason !== undefined);
  for (const reason of reasons) console.error(`${name} is left out: ${reason}.`);
  return reasons.length === 0;
}

function toWords({ figures }: Bench, answer: Answer): string {
  if ("refused" in answer) return `refused: ${answer.refused}`;
  return figures
    .filter(({ name }) => name in answer.figures)
    .map(({ name, unit }) => `${name} ${format(answer.figures[name] ?? 0)} ${unit}`.trim())
    .join(", ");
}
