/** Tuned as its performance page says: a local queue, completions in batches, many jobs at once. Keeps no order. */
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import type { Measure } from "../harness/bench.ts";
import { portionsOf } from "../harness/sample.ts";
import { measureDrain } from "./measure-drain.ts";

const worker = {
  concurrentJobs: 24,
  maxPoolSize: 26,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};

export const measure: Measure = async ({ databaseUrl }) => {
  const utils = await makeWorkerUtils({ connectionString: databaseUrl });
  try {
    await utils.migrate();
    return await measureDrain(databaseUrl, 20_000, {
      async load(messages) {
        for (const portion of portionsOf(messages)) {
          await utils.addJobs(portion.map((payload) => ({ identifier: "publish", payload })));
        }
      },
      async start(take) {
        const runner = await run({
          preset: { worker: { ...worker, connectionString: databaseUrl } },
          taskList: { publish: async (payload) => take((payload as { readonly id: string }).id) },
          noHandleSignals: true,
          crontab: "",
          logger: new Logger(() => () => undefined),
        });
        return { [Symbol.asyncDispose]: () => runner.stop() };
      },
    });
  } finally {
    await utils.release();
  }
};
