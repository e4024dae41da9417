import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { clearLeftoverRuns, runFolder } from "./test-runs.ts";

test("what a run of tests has written goes with it", () => {
  const root = freshRoot();
  const { brokers, temporary, [Symbol.dispose]: end } = runFolder(root);
  expect([brokers, temporary].map(existsSync)).toEqual([true, true]);
  end();
  expect([brokers, temporary].map(existsSync)).toEqual([false, false]);
});

test("what a run that was killed has left is removed by the next one, and what another one uses is not", async () => {
  const root = freshRoot();
  using mine = runFolder(root);
  const killed = spawnSync(process.execPath, ["--input-type=module", "-e", dies(root)], { encoding: "utf8" });
  expect(killed.signal).toBe("SIGKILL");
  const left = killed.stdout.trim();
  expect(existsSync(left)).toBe(true);
  await clearLeftoverRuns(root);
  expect(existsSync(left)).toBe(false);
  expect(existsSync(mine.brokers)).toBe(true);
});

function freshRoot(): string {
  const root = mkdtempSync(join(tmpdir(), "root-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  return root;
}

const dies = (root: string) => `
  const { runFolder } = await import(${JSON.stringify(new URL("test-runs.ts", import.meta.url).href)});
  const { writeSync } = await import("node:fs");
  writeSync(1, runFolder(${JSON.stringify(root)}).temporary);
  process.kill(process.pid, "SIGKILL");
`;
