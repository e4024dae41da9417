/** A job is added in SQL, in the transaction, as its documentation says. */
import { runMigrations } from "graphile-worker";
import type { Measure } from "../harness/bench.ts";
import { openPool } from "../harness/raw-database.ts";
import { transaction } from "../harness/transaction.ts";
import { createOrders, insertOrder, measureWrite, orderOf } from "./measure-write.ts";

export const measure: Measure = async ({ databaseUrl }) => {
  await runMigrations({ connectionString: databaseUrl });
  await using pool = openPool(databaseUrl, 16);
  await pool.query(createOrders);
  return await measureWrite(databaseUrl, {
    write: (sample) =>
      transaction(pool, async (client) => {
        await client.query({ name: "order", text: insertOrder, values: orderOf(sample) });
        const values = [JSON.stringify(sample)];
        await client.query({ name: "job", text: "select graphile_worker.add_job('publish', $1::json)", values });
      }),
    async readIds() {
      const text = "select payload ->> 'id' as id from graphile_worker._private_jobs";
      return (await pool.query<{ id: string }>(text)).rows.map(({ id }) => id);
    },
  });
};
