/** What the row and the message ask of the database goes out side by side, as the services' pool allows. */
import { query } from "@throughline/log";
import { enqueue } from "@throughline/outbox";
import type { Measure } from "../harness/bench.ts";
import { openServiceDatabase } from "../harness/service-database.ts";
import { createOrders, insertOrder, measureWrite, orderOf } from "./measure-write.ts";

export const measure: Measure = async ({ databaseUrl }) => {
  await using database = await openServiceDatabase(databaseUrl, 16);
  await database.handle.execute(createOrders);
  return await measureWrite(databaseUrl, {
    write: (sample) =>
      database.handle.transaction((tx) =>
        Promise.all([query(tx, "insert_order", insertOrder, orderOf(sample)), enqueue(tx, "order-service", [sample])]),
      ),
    readIds: async () => (await database.pool.query<{ id: string }>("select id from outbox")).rows.map(({ id }) => id),
  });
};
