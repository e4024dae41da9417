import { enqueue, startRelay } from "@throughline/outbox";
import type { Transport } from "@throughline/transport";
import type { Place, Round } from "./bench.ts";
import { countedTransport } from "./counted-transport.ts";
import { measurePublish, type Publish } from "./measure-publish.ts";
import { settle } from "./raw-database.ts";
import { portionsOf } from "./sample.ts";
import { openServiceDatabase } from "./service-database.ts";
import { within } from "./within.ts";

/** The relay as a service starts it, from a full outbox to a broker. */
export async function measureRelay(
  { databaseUrl }: Place,
  messages: number,
  transport: Transport,
  readIds: Publish["readIds"],
): Promise<Round> {
  await using database = await openServiceDatabase(databaseUrl);
  for (const portion of portionsOf(messages)) {
    await database.handle.transaction((tx) => enqueue(tx, "order-service", portion));
  }
  await settle(databaseUrl);
  const all = Promise.withResolvers<void>();
  let confirmed = 0;
  const counted = countedTransport(transport, (count) => {
    confirmed += count;
    if (confirmed >= messages) all.resolve();
  });
  await using opened = new AsyncDisposableStack();
  return await measurePublish(messages, {
    async publish() {
      opened.use(await startRelay(database.handle, { to: [{ transport: counted }] }));
      await within(60_000, all.promise);
    },
    async readIds() {
      await opened.disposeAsync();
      return readIds();
    },
  });
}
