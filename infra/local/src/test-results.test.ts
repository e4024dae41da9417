import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { printResults, summarize } from "./test-results.ts";

const folder = mkdtempSync(join(tmpdir(), "results-"));
afterAll(() => rmSync(folder, { recursive: true }));

const passed = { fullName: "charges once", status: "passed" };
const failed = { fullName: "loses nothing", status: "failed", failureMessages: ["expected 1 to be 2\n    at a test"] };
const skipped = { fullName: "runs elsewhere", status: "skipped" };
const file = (...assertionResults: (typeof passed | typeof failed)[]) => ({
  name: "a.test.ts",
  status: assertionResults.includes(failed) ? ("failed" as const) : ("passed" as const),
  message: "",
  assertionResults,
});

test("passed, failed and skipped tests are told apart", () => {
  expect(summarize({ success: false, testResults: [file(passed, skipped), file(passed, failed)] })).toEqual({
    passed: 2,
    skipped: 1,
    failures: ["loses nothing\nexpected 1 to be 2\n    at a test"],
  });
});

test("a file that could not be loaded is a failure, with its reason", () => {
  const broken = { ...file(), status: "failed" as const, message: "Cannot find module\nat line 1" };
  const { failures } = summarize({ success: false, testResults: [broken] });
  expect(failures).toEqual(["a.test.ts could not be run: Cannot find module"]);
});

test("an error outside of any test is a failure", () => {
  expect(summarize({ success: false, testResults: [file(passed)] }).failures).toHaveLength(1);
});

test("the last line is the sum over all packages, and a package without results is told", () => {
  const resultsFile = join(folder, "results.json");
  writeFileSync(resultsFile, JSON.stringify({ success: false, testResults: [file(passed, failed)] }));
  const lines: string[] = [];
  const print = vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(...line.split("\n")));
  const totals = printResults([
    { package: "one", resultsFile, isCached: false },
    { package: "other", resultsFile, isCached: true },
    { package: "silent", resultsFile: join(folder, "none.json"), isCached: false },
  ]);
  print.mockRestore();
  expect(totals).toEqual({ passed: 2, failed: 2, skipped: 0, silent: 1 });
  expect(lines.at(-1)).toBe("2 passed, 2 failed");
  expect(lines.some((line) => line.includes("one › loses nothing"))).toBe(true);
});
