/** Its storage in the transaction, which is one more insert. */
import type { Measure } from "../harness/bench.ts";
import { openPool } from "../harness/raw-database.ts";
import { transaction } from "../harness/transaction.ts";
import { createTables, storage } from "../peers/pg-transactional-outbox.ts";
import { createOrders, insertOrder, measureWrite, orderOf } from "./measure-write.ts";

export const measure: Measure = async ({ databaseUrl }) => {
  await using pool = openPool(databaseUrl, 16);
  await pool.query(createOrders);
  await createTables(pool);
  const store = storage(databaseUrl);
  return await measureWrite(databaseUrl, {
    write: (sample) =>
      transaction(pool, async (client) => {
        await client.query({ name: "order", text: insertOrder, values: orderOf(sample) });
        await store(sample, client);
      }),
    readIds: async () => (await pool.query<{ id: string }>("select id from outbox")).rows.map(({ id }) => id),
  });
};
