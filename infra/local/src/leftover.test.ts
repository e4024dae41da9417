import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { endLeftover, isRunning, recordPid } from "./leftover.ts";

let folder: string;
let pidFile: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "leftover-"));
  pidFile = join(folder, "pid");
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

test("what a crashed run left behind is recognised and ended", async () => {
  const pid = await sleeper();
  recordPid(pidFile, pid);
  expect(isRunning(pidFile)).toBe(pid);
  expect(await endLeftover(pidFile)).toBe(pid);
  expect(isRunning(pidFile)).toBeUndefined();
});

test("a stranger who got the same number lives", async () => {
  const pid = await sleeper();
  writeFileSync(pidFile, `${pid} born at another time`);
  expect(await endLeftover(pidFile)).toBeUndefined();
  expect(process.kill(pid, 0)).toBe(true);
});

test("where nothing was left there is nothing to end", async () => {
  expect(await endLeftover(pidFile)).toBeUndefined();
  writeFileSync(pidFile, "");
  expect(await endLeftover(pidFile)).toBeUndefined();
});

async function sleeper(): Promise<number> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  children.push(child);
  await once(child, "spawn");
  if (child.pid === undefined) throw new Error("The sleeper was not started");
  return child.pid;
}
