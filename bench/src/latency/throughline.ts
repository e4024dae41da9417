/** Relay and writer in one process, as in the services: the commit itself says that there is something to publish. */
import { enqueue, startRelay } from "@throughline/outbox";
import type { Measure } from "../harness/bench.ts";
import { openServiceDatabase } from "../harness/service-database.ts";
import { sinkTransport } from "../harness/sink-transport.ts";
import { measureLatency } from "./measure-latency.ts";

export const measure: Measure = async ({ databaseUrl }) => {
  await using database = await openServiceDatabase(databaseUrl);
  return await measureLatency({
    write: (sample) => database.handle.transaction((tx) => enqueue(tx, "order-service", [sample])),
    start: (take) => startRelay(database.handle, { to: [{ transport: sinkTransport(take) }] }),
  });
};
