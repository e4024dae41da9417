/** Its listener, tuned as far as it goes, with a handler that does nothing. */
import type { Measure } from "../harness/bench.ts";
import { openPool } from "../harness/raw-database.ts";
import { portionsOf } from "../harness/sample.ts";
import { transaction } from "../harness/transaction.ts";
import { createTables, listen, storage } from "../peers/pg-transactional-outbox.ts";
import { measureDrain } from "./measure-drain.ts";

export const measure: Measure = async ({ databaseUrl }) => {
  await using pool = openPool(databaseUrl);
  await createTables(pool);
  const store = storage(databaseUrl);
  return await measureDrain(databaseUrl, 3_000, {
    async load(messages) {
      for (const portion of portionsOf(messages)) {
        await transaction(pool, async (client) => {
          for (const sample of portion) await store(sample, client);
        });
      }
    },
    start: async (take) => listen(databaseUrl, take),
  });
};
