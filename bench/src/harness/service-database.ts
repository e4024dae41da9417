import { migrations as eventStore } from "@throughline/event-store";
import { migrations as inbox } from "@throughline/inbox";
import { migrations as log } from "@throughline/log";
import { migrations as outbox } from "@throughline/outbox";
import { type Database, migrate, openDatabase } from "@throughline/service";

/** A database as the services have it: their pool, and the tables of the packages. */
export async function openServiceDatabase(databaseUrl: string, databasePoolSize = 20): Promise<Database> {
  const config = { service: "bench", logLevel: "warn", databaseUrl, databasePoolSize, handlerTimeoutMs: 60_000 };
  const database = await openDatabase(config);
  await migrate(database, [log, eventStore, outbox, inbox]);
  return database;
}
