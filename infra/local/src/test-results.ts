import { existsSync, readFileSync } from "node:fs";
import { colors } from "@throughline/terminal";
import type { PlannedTest } from "./turbo.ts";

/** What vitest's JSON reporter writes, as far as it is read here. */
type Results = {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: "passed" | "failed";
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
};

type Test = Results["testResults"][number]["assertionResults"][number];

export type Summary = {
  readonly passed: number;
  readonly skipped: number;
  /** The failed tests and why they failed, and the files that could not be run at all. */
  readonly failures: readonly string[];
};

const reasonLines = 20;

type Totals = { passed: number; failed: number; skipped: number; silent: number };

/** Prints a table by package, what failed and why, and as the last line the sum. */
export function printResults(tests: readonly Pick<PlannedTest, "package" | "resultsFile" | "isCached">[]): Totals {
  const totals = { passed: 0, failed: 0, skipped: 0, silent: 0 };
  const failures: string[] = [];
  console.log(`\n${"".padEnd(34)}  passed  failed  skipped`);
  for (const { package: name, resultsFile, isCached } of tests) {
    if (!existsSync(resultsFile)) {
      totals.silent += 1;
      console.log(`${name.padEnd(34)}  ${colors.red("no results")}`);
      continue;
    }
    const summary = summarize(JSON.parse(readFileSync(resultsFile, "utf8")) as Results);
    totals.passed += summary.passed;
    totals.failed += summary.failures.length;
    totals.skipped += summary.skipped;
    failures.push(...summary.failures.map((failure) => `${name} › ${failure}`));
    console.log(row(name, summary) + (isCached ? colors.dim("  unchanged") : ""));
  }
  for (const failure of failures) console.log(`${colors.red("failed")}  ${failure}`);
  console.log(`\n${sentence(totals)}`);
  return totals;
}

export function summarize({ success, testResults }: Results): Summary {
  const tests = testResults.flatMap((file) => file.assertionResults);
  const failures = tests.filter((test) => test.status === "failed").map(toFailure);
  for (const file of testResults) {
    if (file.status === "passed" || file.assertionResults.some((test) => test.status === "failed")) continue;
    failures.push(`${file.name} could not be run: ${file.message.split("\n")[0]}`);
  }
  if (!success && failures.length === 0)
    failures.push("an error outside of any test; vitest's output above says which");
  const passed = tests.filter((test) => test.status === "passed").length;
  const skipped = tests.filter((test) => test.status !== "passed" && test.status !== "failed").length;
  return { passed, skipped, failures };
}

/** With the first lines of each reason: a log is often read from its end, and no further back than this table. */
function toFailure({ fullName, failureMessages = [] }: Test): string {
  const reasons = failureMessages.map((message) => message.split("\n").slice(0, reasonLines).join("\n"));
  return [fullName, ...reasons].join("\n");
}

function row(name: string, { passed, skipped, failures }: Summary): string {
  const failed = String(failures.length).padStart(6);
  return `${name.padEnd(34)}  ${String(passed).padStart(6)}  ${failures.length ? colors.red(failed) : failed}  ${String(skipped).padStart(7)}`;
}

function sentence({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
