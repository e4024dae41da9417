/** Its listener, which looks each 10 ms. */
import type { Measure } from "../harness/bench.ts";
import { openPool } from "../harness/raw-database.ts";
import { transaction } from "../harness/transaction.ts";
import { createTables, listen, storage } from "../peers/pg-transactional-outbox.ts";
import { measureLatency } from "./measure-latency.ts";

export const measure: Measure = async ({ databaseUrl }) => {
  await using pool = openPool(databaseUrl);
  await createTables(pool);
  const store = storage(databaseUrl);
  return await measureLatency({
    write: (sample) => transaction(pool, (client) => store(sample, client)),
    start: async (take) => listen(databaseUrl, take),
  });
};
