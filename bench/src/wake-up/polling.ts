/** The relay is in another process and finds out by itself, so that writers do nothing for it. */
import type { Measure } from "../harness/bench.ts";
import { openServiceDatabase } from "../harness/service-database.ts";
import { connections, measureWriters } from "./measure-writers.ts";
import { startRelayApart } from "./relay-apart.ts";

export const measure: Measure = async ({ databaseUrl }) => {
  await using database = await openServiceDatabase(databaseUrl, connections);
  await using _ = await startRelayApart(databaseUrl);
  return await measureWriters(databaseUrl, database);
};
