/** The same transaction without a message, by the services' own means. */
import { query } from "@throughline/log";
import type { Measure } from "../harness/bench.ts";
import { openServiceDatabase } from "../harness/service-database.ts";
import { createOrders, insertOrder, measureWrite, orderOf } from "./measure-write.ts";

export const measure: Measure = async ({ databaseUrl }) => {
  await using database = await openServiceDatabase(databaseUrl, 16);
  await database.handle.execute(createOrders);
  return await measureWrite(databaseUrl, {
    write: (sample) => database.handle.transaction((tx) => query(tx, "insert_order", insertOrder, orderOf(sample))),
    readIds: async () => (await database.pool.query<{ id: string }>("select id from orders")).rows.map(({ id }) => id),
  });
};
