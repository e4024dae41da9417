/** Register, unique event ids and, in commands, the outbox are on. Each command has a transaction of its own. */
import { appendToStream, type Decider, decide, loadState } from "@throughline/event-store";
import type { Database, Transaction } from "@throughline/log";
import { enqueue } from "@throughline/outbox";
import type { Measure, Place } from "../harness/bench.ts";
import { openServiceDatabase } from "../harness/service-database.ts";
import { idOf } from "../harness/tally.ts";
import { type Added, type Basket, dataOf, decideOn, emptyBasket, evolve } from "./basket.ts";
import { measureEventStore } from "./measure-event-store.ts";

const baskets: Decider<number, Added, Basket> = {
  type: "basket",
  initialState: emptyBasket,
  decide: (number, basket) => [decideOn(number, basket)],
  evolve,
};

type RunTransaction = (work: (tx: Transaction) => Promise<void>) => Promise<void>;

export const measure = measureWith((database) => (work) => database.transaction(work));

export function measureWith(openTransactions: (database: Database) => RunTransaction): Measure {
  return (place) => measureStore(place, openTransactions);
}

async function measureStore({ databaseUrl }: Place, openTransactions: (database: Database) => RunTransaction) {
  await using database = await openServiceDatabase(databaseUrl, 16);
  const { handle } = database;
  const transaction = openTransactions(handle);
  const add = (streamId: string, numbers: readonly number[]) => {
    const events = numbers.map((number): Added => ({ type: "added", data: dataOf(number) }));
    return appendToStream(handle, `basket-${streamId}`, "basket", events, { expected: "no-stream" });
  };
  return await measureEventStore(databaseUrl, {
    append: (streamId, number) => add(streamId, [number]),
    fill: add,
    load: async (streamId) => (await loadState(handle, baskets, streamId)).state.count,
    command: (streamId, number) =>
      transaction(async (tx) => {
        const { events } = await decide(tx, baskets, streamId, number, { commandId: idOf(number) });
        const messages = events.map(({ data }) => ({ type: "basket.filled", version: "1", key: streamId, data }));
        await enqueue(tx, "basket-service", messages);
      }),
    async readNumbers() {
      const text = "select (data ->> 'number')::integer as number from events";
      return (await database.pool.query<{ number: number }>(text)).rows.map(({ number }) => number);
    },
  });
}
