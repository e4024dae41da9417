import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Change } from "./hooks.ts";
import type { Mutant } from "./mutants.ts";
import type { Result } from "./run.ts";
import type { Report, Task } from "./worker.ts";

export type FarmOptions = {
  readonly signal?: AbortSignal;
  /** Told of each seed that was run. */
  readonly onResult: (result: Result) => void;
};

const seedsPerTask = 25;

/** Runs seeds from `from` to before `to` on all cores; resolves when all are done, or it was interrupted. */
export async function runSeeds(from: number, to: number, { signal, onResult }: FarmOptions): Promise<void> {
  let next = from;
  async function work(): Promise<void> {
    await using thread = startThread();
    while (next < to && !signal?.aborted) {
      const task = { from: next, to: Math.min(to, next + seedsPerTask) };
      next = task.to;
      for (const result of await thread.run(task)) onResult(result);
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}

/** Runs seeds on a broken source until one of them breaks the invariant; undefined where none of them does. */
export async function findBreak(mutant: Mutant, seeds: number): Promise<Result | undefined> {
  const { breaks: until, from = 0 } = mutant;
  await using thread = startThread(mutant);
  const results = await thread.run({ from, to: from + seeds, until });
  return results.find(({ violations }) => violations.some(({ id }) => id === until));
}

function startThread(change?: Change) {
  const worker = new Worker(new URL("worker.ts", import.meta.url), {
    workerData: change,
    resourceLimits: { maxYoungGenerationSizeMb: 128 },
  });
  return {
    run(task: Task): Promise<readonly Result[]> {
      const { promise, resolve, reject } = Promise.withResolvers<readonly Result[]>();
      worker.once("error", reject);
      worker.once("message", ({ results }: Report) => {
        worker.off("error", reject);
        resolve(results);
      });
      worker.postMessage(task);
      return promise;
    },
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}
