import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { endLeftover } from "./leftover.ts";

/** A folder of this run's own for the brokers' data, gone when disposed. */
export function runFolder(root: string): { readonly path: string } & Disposable {
  const path = join(root, ".local", "test", String(process.pid));
  mkdirSync(path, { recursive: true });
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Ends the processes of runs that could not clean up after themselves, and removes their data. */
export async function clearLeftoverRuns(root: string): Promise<void> {
  const runs = join(root, ".local", "test");
  if (!existsSync(runs)) return;
  for (const run of readdirSync(runs)) {
    if (isAlive(Number(run))) continue;
    for (const broker of readdirSync(join(runs, run))) {
      await endLeftover(join(runs, run, broker, "pid"));
      await endLeftover(join(runs, run, broker, "epmd", "pid"));
    }
    rmSync(join(runs, run), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
