import { createTestDatabase } from "@throughline/local/testing";
import { type Database, migrations as logMigrations } from "@throughline/log";
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import pg from "pg";
import { migrations } from "./index.ts";

/** A database of its own with an empty event store in it. */
export async function openTestStore(): Promise<{ readonly database: Database } & AsyncDisposable> {
  const opened = new AsyncDisposableStack();
  const { url } = opened.use(await createTestDatabase());
  const pool = opened.adopt(new pg.Pool({ connectionString: url, max: 20 }), closePool);
  const database = drizzle(pool);
  await migrate(database, { migrationsFolder: logMigrations.folder, migrationsTable: "__migrations_log" });
  await migrate(database, { migrationsFolder: migrations.folder, migrationsTable: "__migrations_event_store" });
  return { database, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** `pool.end()` alone returns before its connections are closed, and dropping the database would then break them. */
async function closePool(pool: pg.Pool): Promise<void> {
  const closed = Promise.withResolvers<void>();
  let open = pool.totalCount;
  pool.on("remove", () => {
    open -= 1;
    if (open === 0) closed.resolve();
  });
  const isUnused = open === 0;
  await pool.end();
  if (!isUnused) await closed.promise;
}
