/** Its own LISTEN and NOTIFY, without a local queue, which would make it wait. */
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import type { Measure } from "../harness/bench.ts";
import { measureLatency } from "./measure-latency.ts";

const worker = { concurrentJobs: 10, maxPoolSize: 12, pollInterval: 1_000 };

export const measure: Measure = async ({ databaseUrl }) => {
  const utils = await makeWorkerUtils({ connectionString: databaseUrl });
  try {
    await utils.migrate();
    return await measureLatency({
      write: (sample) => utils.addJob("publish", sample),
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
