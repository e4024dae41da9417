import { randomInt } from "node:crypto";
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
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // A second one ends this process at once, and with it all that it has started.
  process.once(signal, () => interrupted.abort());
}

try {
  const outcome = await run();
  console.log(isJson ? JSON.stringify(toJson(outcome), undefined, 2) : toText(outcome, process.stdout.isTTY === true));
  process.exitCode = isGood(outcome) ? 0 : 1;
} catch (error) {
  console.error(
    interrupted.signal.aborted ? "Interrupted: what was started or listening is gone." : sentencesOf(error),
  );
  process.exitCode = interrupted.signal.aborted ? 130 : 1;
}

async function run(): Promise<Outcome> {
  const purchases = readPurchases(file, orders);
  const { signal } = interrupted;
  using progress = createProgress();
  await using own = isRunning ? undefined : await startOwn({ log: console.error, signal });
  const surroundings = own ?? surroundingsAt(standardBasePort, process.env.NAMESPACE);
  const runId = `r${randomInt(36 ** 8)
    .toString(36)
    .padStart(8, "0")}`;
  return await runDemo(surroundings, purchases, { runId, isPlain, signal, progress });
}

/** What went wrong and why, one cause under the other. */
function sentencesOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}:\n${sentencesOf(error.cause)}`;
}
