/** The same, and each transaction notifies, as many outboxes do: Postgres commits those one after the other. */
import { query } from "@throughline/log";
import type { Measure } from "../harness/bench.ts";
import { openServiceDatabase } from "../harness/service-database.ts";
import { connections, measureWriters } from "./measure-writers.ts";
import { startRelayApart } from "./relay-apart.ts";

export const measure: Measure = async ({ databaseUrl }) => {
  await using database = await openServiceDatabase(databaseUrl, connections);
  await using _ = await startRelayApart(databaseUrl);
  return await measureWriters(databaseUrl, database, (tx) => query(tx, "notify", "select pg_notify('outbox', '')", []));
};
