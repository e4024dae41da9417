import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { recordPid } from "./leftover.ts";

test("a reset ends what has outlived its start, and then forgets the data", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "reset-"));
  const broker = join(dataDir, "brokers", "kafka");
  mkdirSync(broker, { recursive: true });
  const outlived = spawn(process.execPath, ["--eval", "setInterval(() => {}, 60_000)"]);
  recordPid(join(broker, "pid"), outlived.pid ?? 0);
  const ended = once(outlived, "exit");

  const env = { ...process.env, THROUGHLINE_DATA_DIR: dataDir };
  const { stdout } = await promisify(execFile)(process.execPath, [`${import.meta.dirname}/reset.ts`], { env });
  expect(stdout).toBe("The data of npm start is forgotten.\n");
  expect((await ended)[1]).toBe("SIGTERM");
  expect(existsSync(dataDir)).toBe(false);
});
