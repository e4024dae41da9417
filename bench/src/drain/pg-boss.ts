/** Batches of a thousand, fetched without a pause while they are full. Keeps no order per key across batches that fail. */
import { PgBoss } from "pg-boss";
import type { Measure } from "../harness/bench.ts";
import { portionsOf } from "../harness/sample.ts";
import { measureDrain } from "./measure-drain.ts";

const options = { batchSize: 1_000, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 };

export const measure: Measure = async ({ databaseUrl }) => {
  const boss = new PgBoss({ connectionString: databaseUrl, schedule: false, supervise: false });
  boss.on("error", (error) => process.emitWarning(error));
  await boss.start();
  try {
    await boss.createQueue("publish");
    return await measureDrain(databaseUrl, 20_000, {
      async load(messages) {
        for (const portion of portionsOf(messages)) {
          await boss.insert(
            "publish",
            portion.map(({ id, ...data }) => ({ id, data })),
          );
        }
      },
      async start(take) {
        await boss.work("publish", options, async (jobs) => {
          for (const { id } of jobs) take(id);
        });
        return { [Symbol.asyncDispose]: () => boss.offWork("publish") };
      },
    });
  } finally {
    await boss.stop({ graceful: true });
  }
};
