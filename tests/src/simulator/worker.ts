/** A thread that runs seeds as it is told, with one place of the source broken where it is told so. */
import { parentPort, workerData } from "node:worker_threads";
import { type Change, installStandIns } from "./hooks.ts";
import type { Result } from "./run.ts";

/** Seeds from `from` to before `to`; with `until`, only up to the first that breaks that invariant. */
export type Task = { readonly from: number; readonly to: number; readonly until?: string };
export type Report = { readonly results: readonly Result[] };

// Errors are made by the thousand, and nobody reads where.
Error.stackTraceLimit = 0;
installStandIns(workerData as Change | undefined);
const { runSeed } = await import("./run.ts");

parentPort?.on("message", async ({ from, to, until }: Task) => {
  const results: Result[] = [];
  for (let seed = from; seed < to; seed++) {
    const result = await runSeed(seed);
    results.push(result);
    if (until !== undefined && result.violations.some(({ id }) => id === until)) break;
  }
  parentPort?.postMessage({ results } satisfies Report);
});
