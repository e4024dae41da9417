import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { endLeftover, isRunning, recordPid } from "./leftover.ts";

const folder = mkdtempSync(join(tmpdir(), "leftover-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("what a crashed run left behind is ended and forgotten", async () => {
  const file = join(folder, "left-behind");
  const { pid } = sleeper(file);
  expect(isRunning(file)).toBe(pid);
  expect(await endLeftover(file)).toBe(pid);
  expect(isRunning(file)).toBeUndefined();
  expect(existsSync(file)).toBe(false);
});

test("one that does not listen to reason is ended all the same", async () => {
  const file = join(folder, "deaf");
  const { pid, child } = sleeper(file, "process.on('SIGTERM', () => {}); console.log('deaf');");
  await once(child.stdout, "data");
  expect(await endLeftover(file)).toBe(pid);
});

test("a stranger who has the number now lives on", async () => {
  const file = join(folder, "stranger");
  writeFileSync(file, `${process.pid} born at another time`);
  expect(await endLeftover(file)).toBeUndefined();
  expect(existsSync(file)).toBe(false);
});

test("where nothing was left, nothing happens", async () => {
  expect(await endLeftover(join(folder, "nothing"))).toBeUndefined();
});

function sleeper(file: string, script = "") {
  const stay = "setInterval(() => {}, 60_000);";
  const child = spawn(process.execPath, ["-e", script + stay], { stdio: ["ignore", "pipe", "inherit"] });
  if (child.pid === undefined) throw new Error("The sleeper did not start");
  recordPid(file, child.pid);
  return { pid: child.pid, child };
}
