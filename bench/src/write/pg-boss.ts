/** `send` with the connection of the transaction, as its documentation says. */
import { PgBoss } from "pg-boss";
import type { Measure } from "../harness/bench.ts";
import { openPool } from "../harness/raw-database.ts";
import { transaction } from "../harness/transaction.ts";
import { createOrders, insertOrder, measureWrite, orderOf } from "./measure-write.ts";

export const measure: Measure = async ({ databaseUrl }) => {
  await using pool = openPool(databaseUrl, 16);
  await pool.query(createOrders);
  const boss = new PgBoss({ connectionString: databaseUrl, schedule: false, supervise: false });
  boss.on("error", (error) => process.emitWarning(error));
  await boss.start();
  try {
    await boss.createQueue("publish");
    return await measureWrite(databaseUrl, {
      write: (sample) =>
        transaction(pool, async (client) => {
          await client.query({ name: "order", text: insertOrder, values: orderOf(sample) });
          const db = { executeSql: (text: string, values?: unknown[]) => client.query(text, values) };
          await boss.send("publish", sample, { id: sample.id, db });
        }),
      readIds: async () => (await pool.query<{ id: string }>("select id from pgboss.job")).rows.map(({ id }) => id),
    });
  } finally {
    await boss.stop();
  }
};
