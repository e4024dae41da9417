import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { listenForInterruption } from "@throughline/terminal";
import { type BrokerAddresses, missing as missingBrokers, startBrokers } from "./brokers.ts";
import { chromium } from "./chromium.ts";
import { freeBasePort } from "./ports.ts";
import { printResults } from "./test-results.ts";
import { clearLeftoverRuns, runFolder } from "./test-runs.ts";
import { plannedTests, runTests } from "./turbo.ts";

/**
 * `npm test`: the tests of every package, on every broker and browser that this machine can run. What is unchanged since it
 * passed is not run again; where nothing changed, no broker starts. All arguments go to turbo, such as `--filter`.
 */
const root = fileURLToPath(new URL("../../..", import.meta.url));
const isCi = process.env.CI === "true";
const turboArgs = process.argv.slice(2);
const interrupted = listenForInterruption();

const missing = { ...missingBrokers, ...(!chromium && { chromium: "the console's pages need Chromium" }) };
const names = ["postgres", "sns-sqs", "kafka", "rabbitmq", "chromium"].filter((name) => !(name in missing));
const lacking = Object.values(missing);
console.log(`Testing on ${names.join(", ")}.${lacking.map((reason) => ` Without: ${reason}.`).join("")}`);
process.env.TEST_BROKERS = names.join(",");
process.env.NODE_COMPILE_CACHE = join(root, ".local/cache/node");

const planned = await plannedTests(root, turboArgs);
const toRun = planned.filter((test) => !test.isCached);
for (const { resultsFile } of toRun) rmSync(resultsFile, { force: true });
const turboPassed = toRun.length === 0 ? await runTests(root, turboArgs, interrupted) : await runOnBrokers();
if (isCi) for (const reason of lacking) console.log(`CI must test on all of them, but ${reason}.`);
const { failed, skipped, silent } = printResults(planned);
const isIncomplete = silent > 0 || (isCi && (lacking.length > 0 || skipped > 0));
process.exitCode = turboPassed && failed === 0 && !isIncomplete && !interrupted.aborted ? 0 : 1;

async function runOnBrokers(): Promise<boolean> {
  await clearLeftoverRuns(root);
  try {
    using folder = runFolder(root);
    const basePort = await freeBasePort();
    await using brokers = await startBrokers({ basePort, dataDir: folder.brokers, log: console.log, fsync: false });
    if (interrupted.aborted) return false;
    Object.assign(process.env, addressesForTests(brokers.addresses), { TMPDIR: folder.temporary });
    return await runTests(root, turboArgs, interrupted);
  } catch (error) {
    // The sum is the last line whatever happened; without results, it is no success.
    console.error(error);
    return false;
  }
}

function addressesForTests({ postgres, snsSqs, kafka, rabbitmq }: BrokerAddresses): Record<string, string> {
  return {
    TEST_POSTGRES_URL: postgres,
    TEST_SNS_SQS_ENDPOINT: snsSqs,
    ...(kafka && { TEST_KAFKA_BROKERS: kafka }),
    ...(rabbitmq && { TEST_RABBITMQ_URL: rabbitmq }),
  };
}
