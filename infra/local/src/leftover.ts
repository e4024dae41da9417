import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

/**
 * Notes which process this folder belongs to. The time of birth stands beside the pid, because after a crash the
 * number may have gone to a stranger, who must live.
 */
export function recordPid(file: string, pid: number): void {
  writeFileSync(file, `${pid} ${birthOf(pid)}`);
}

export function forgetPid(file: string): void {
  rmSync(file, { force: true });
}

/** The pid in the file, if that very process still lives. */
export function isRunning(file: string): number | undefined {
  if (!existsSync(file)) return undefined;
  const [, number = "", birth] = /^(\d+) (.*)$/.exec(readFileSync(file, "utf8")) ?? [];
  const pid = Number(number);
  return birthOf(pid) !== "" && birthOf(pid) === birth ? pid : undefined;
}

/** Ends what a crashed run left behind, and answers its pid; undefined where nothing was left. */
export async function endLeftover(file: string): Promise<number | undefined> {
  const pid = isRunning(file);
  if (pid === undefined) {
    forgetPid(file);
    return undefined;
  }
  const isOurs = () => isRunning(file) === pid;
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    if (isOurs()) process.kill(pid, signal);
    for (let waitedMs = 0; waitedMs < 5_000 && isOurs(); waitedMs += 50) await pause(50);
  }
  forgetPid(file);
  return pid;
}

/** When the process was born, in the words of the machine; empty where there is no such process. */
function birthOf(pid: number): string {
  if (process.platform !== "linux") return lineOf("ps", ["-o", "lstart=", "-p", String(pid)]);
  const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : "";
  const [state, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (stat === "" || state === "Z") return "";
  return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${rest[18]}`;
}

function lineOf(command: string, args: readonly string[]): string {
  try {
    return execFileSync(command, args, { encoding: "utf8" }).trim();
  } catch {
    return ""; // ps fails exactly when there is no such process.
  }
}
