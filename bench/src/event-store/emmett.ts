/** Its Postgres store on a pool of 16, its schema made beforehand, and its command handler. It writes no outbox. */
import { CommandHandler } from "@event-driven-io/emmett";
import { getPostgreSQLEventStore } from "@event-driven-io/emmett-postgresql";
import type { Measure } from "../harness/bench.ts";
import { openPool } from "../harness/raw-database.ts";
import { type Added, type Basket, dataOf, decideOn, emptyBasket, evolve } from "./basket.ts";
import { measureEventStore } from "./measure-event-store.ts";

export const measure: Measure = async ({ databaseUrl }) => {
  await using pool = openPool(databaseUrl, 16);
  const store = getPostgreSQLEventStore(databaseUrl, {
    schema: { autoMigration: "None" },
    connectionOptions: { pooled: true, pool },
  });
  await store.schema.migrate();
  const handle = CommandHandler<Basket, Added>({ evolve, initialState: () => emptyBasket });
  const add = (streamId: string, numbers: readonly number[]) => {
    const events = numbers.map((number): Added => ({ type: "added", data: dataOf(number) }));
    return store.appendToStream(streamId, events, { expectedStreamVersion: "STREAM_DOES_NOT_EXIST" });
  };
  try {
    return await measureEventStore(databaseUrl, {
      append: (streamId, number) => add(streamId, [number]),
      fill: add,
      async load(streamId) {
        const { state } = await store.aggregateStream<Basket, Added>(streamId, {
          evolve,
          initialState: () => emptyBasket,
        });
        return state.count;
      },
      command: (streamId, number) => handle(store, streamId, (basket) => decideOn(number, basket)),
      async readNumbers() {
        const text = "select (message_data ->> 'number')::integer as number from emt_messages";
        return (await pool.query<{ number: number }>(text)).rows.map(({ number }) => number);
      },
    });
  } finally {
    await store.close();
  }
};
