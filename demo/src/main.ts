import { randomInt } from "node:crypto";
import { listenForInterruption } from "@throughline/terminal";
import { readCommandLine } from "./command-line.ts";
import { type Outcome, runDemo } from "./demo.ts";
import { startOwn } from "./own-surroundings.ts";
import { createProgress } from "./progress.ts";
import { readPurchases } from "./purchases-file.ts";
import { isGood, toJson } from "./summary.ts";
import { standardBasePort, surroundingsAt } from "./surroundings.ts";
import { toText } from "./table.ts";

/** `npm run demo`. The result goes to stdout, all else to stderr. */
const { orders, file, isPlain, isRunning, isJson } = readCommandLine(process.argv.slice(2));
const interrupted = listenForInterruption();

try {
  const outcome = await run();
  console.log(isJson ? JSON.stringify(toJson(outcome), undefined, 2) : toText(outcome, process.stdout.isTTY === true));
  process.exitCode = isGood(outcome) ? 0 : 1;
} catch (error) {
  const isInterruption = interrupted.aborted && error instanceof Error && error.name === "AbortError";
  console.error(isInterruption ? "Interrupted: what was started or listening is gone." : sentencesOf(error));
  process.exitCode = isInterruption ? 130 : 1;
}

async function run(): Promise<Outcome> {
  const purchases = readPurchases(file, orders);
  using progress = createProgress();
  await using own = isRunning ? undefined : await startOwn({ log: console.error, signal: interrupted });
  const surroundings = own ?? surroundingsAt(standardBasePort, process.env.NAMESPACE);
  const random = randomInt(36 ** 8).toString(36);
  const runId = `r${random.padStart(8, "0")}`;
  return await runDemo(surroundings, purchases, { runId, isPlain, signal: interrupted, progress });
}

/** What went wrong and why, one cause under the other. */
function sentencesOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const others = error instanceof SuppressedError ? [error.error, error.suppressed] : [];
  const parts = error instanceof AggregateError ? error.errors : others;
  const causes = [...parts, ...(error.cause === undefined ? [] : [error.cause])];
  return [error.message || error.name, ...causes.map(sentencesOf)].join(":\n");
}
