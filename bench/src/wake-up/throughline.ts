/** Relay and writers in one process, as in the services: the end of each transaction wakes the relay. */
import { startRelay } from "@throughline/outbox";
import type { Measure } from "../harness/bench.ts";
import { openServiceDatabase } from "../harness/service-database.ts";
import { sinkTransport } from "../harness/sink-transport.ts";
import { connections, measureWriters } from "./measure-writers.ts";

export const measure: Measure = async ({ databaseUrl }) => {
  await using database = await openServiceDatabase(databaseUrl, connections);
  await using _ = await startRelay(database.handle, { to: [{ transport: sinkTransport(() => {}) }] });
  return await measureWriters(databaseUrl, database);
};
