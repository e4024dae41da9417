/** The relay as a service starts it, with one lane and every default, into a transport that does nothing. */
import { enqueue, startRelay } from "@throughline/outbox";
import type { Measure } from "../harness/bench.ts";
import { portionsOf } from "../harness/sample.ts";
import { openServiceDatabase } from "../harness/service-database.ts";
import { sinkTransport } from "../harness/sink-transport.ts";
import { measureDrain } from "./measure-drain.ts";

export const measure: Measure = async ({ databaseUrl }) => {
  await using database = await openServiceDatabase(databaseUrl);
  return await measureDrain(databaseUrl, 100_000, {
    async load(messages) {
      for (const portion of portionsOf(messages)) {
        await database.handle.transaction((tx) => enqueue(tx, "order-service", portion));
      }
    },
    start: (take) => startRelay(database.handle, { to: [{ transport: sinkTransport(take) }] }),
  });
};
