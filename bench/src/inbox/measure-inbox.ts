import { createEnvelope } from "@throughline/envelope";
import { query, type Transaction } from "@throughline/log";
import type { Database } from "@throughline/service";
import type { Transport } from "@throughline/transport";
import { memoryTransport } from "@throughline/transport/memory";
import type { Round } from "../harness/bench.ts";
import { settle } from "../harness/raw-database.ts";
import { sampleOf } from "../harness/sample.ts";
import { openServiceDatabase } from "../harness/service-database.ts";
import { createTally } from "../harness/tally.ts";
import { timed } from "../harness/timed.ts";
import { within } from "../harness/within.ts";

export const group = "billing";
export const types = ["order.created"];

/** Begins to handle what the transport delivers; `done` is told of each message whose effect has committed. */
export type Consume = (database: Database, transport: Transport, done: () => void) => Promise<AsyncDisposable>;

export async function writeEffect(tx: Transaction, id: string, data: unknown): Promise<void> {
  await query(tx, "effect", "insert into effects (id, data) values ($1, $2)", [id, JSON.stringify(data)]);
}

/** What is published waits in this process before anybody handles it, so that no broker is measured. */
export async function measureInbox(databaseUrl: string, messages: number, consume: Consume): Promise<Round> {
  await using database = await openServiceDatabase(databaseUrl);
  await database.handle.execute("create table effects (id text not null, data jsonb not null)");
  const transport = memoryTransport();
  await declareGroup(transport);
  await using publisher = await transport.connectPublisher();
  const envelopes = Array.from({ length: messages }, (_, number) =>
    createEnvelope(sampleOf(number), { source: "order-service" }),
  );
  await publisher.publish(envelopes);
  await settle(databaseUrl);

  const all = Promise.withResolvers<void>();
  let handled = 0;
  const done = () => {
    handled += 1;
    if (handled === messages) all.resolve();
  };
  await using opened = new AsyncDisposableStack();
  const { seconds, cpuSeconds } = await timed(async () => {
    opened.use(await consume(database, transport, done));
    await within(60_000, all.promise);
  });
  await opened.disposeAsync();
  const tally = createTally(messages);
  const { rows } = await database.pool.query<{ id: string }>("select id from effects");
  for (const { id } of rows) tally.take(id);
  return { figures: { throughput: messages / seconds, processor: (1e6 * cpuSeconds) / messages }, tallies: [tally] };
}

/** Makes the queue, so that what is published before anybody handles it waits there. */
async function declareGroup(transport: Transport): Promise<void> {
  await using subscriber = await transport.connectSubscriber();
  await subscriber.subscribe({ group, types, handler: () => Promise.reject(new Error("Nothing was sent yet")) });
}
