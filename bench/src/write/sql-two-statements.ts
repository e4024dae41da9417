/** An outbox written by hand: one more insert, prepared, without sequences, checks, pins or trace. */
import type { Measure } from "../harness/bench.ts";
import { openPool } from "../harness/raw-database.ts";
import { transaction } from "../harness/transaction.ts";
import { createOrders, insertOrder, measureWrite, orderOf } from "./measure-write.ts";

export const measure: Measure = async ({ databaseUrl }) => {
  await using pool = openPool(databaseUrl, 16);
  await pool.query(createOrders);
  await pool.query(
    "create table messages (position bigint generated always as identity primary key, id text, wire text)",
  );
  return await measureWrite(databaseUrl, {
    write: (sample) =>
      transaction(pool, async (client) => {
        await client.query({ name: "order", text: insertOrder, values: orderOf(sample) });
        const values = [sample.id, JSON.stringify(sample)];
        await client.query({ name: "message", text: "insert into messages (id, wire) values ($1, $2)", values });
      }),
    readIds: async () => (await pool.query<{ id: string }>("select id from messages")).rows.map(({ id }) => id),
  });
};
