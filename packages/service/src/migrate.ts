import { sql } from "drizzle-orm";
import { type MigrationMeta, readMigrationFiles } from "drizzle-orm/migrator";
import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import { migrate as applyAll } from "drizzle-orm/node-postgres/migrator";
import type { Database } from "./database.ts";

/** A folder of migrations in drizzle's format. `name` keeps its ledger apart from the others in the same database. */
export type Migrations = { readonly name: string; readonly folder: string };

/**
 * Applies what is new, folder by folder. Any number of processes may do so at once: they take turns. Throws where drizzle
 * would be silent: a journal out of order, a migration that was left out, one that was edited after it had been applied.
 */
export async function migrate(database: Pick<Database, "pool">, folders: readonly Migrations[]): Promise<void> {
  const plans = folders.map((folder) => ({ ...folder, files: readInOrder(folder) }));
  const connection = await database.pool.connect();
  try {
    const handle = drizzle(connection);
    await connection.query("set statement_timeout = 0; set idle_in_transaction_session_timeout = 0");
    await connection.query("select pg_advisory_lock(hashtext('throughline.migrate'))");
    for (const plan of plans) {
      const table = `__migrations_${plan.name.replaceAll("-", "_")}`;
      await applyAll(handle, { migrationsFolder: plan.folder, migrationsTable: table });
      await verify(handle, plan, table);
    }
  } finally {
    // Destroyed, not returned: the lock and the lifted time limits end with the connection.
    connection.release(true);
  }
}

function readInOrder({ name, folder }: Migrations): MigrationMeta[] {
  const files = readMigrationFiles({ migrationsFolder: folder });
  const late = files.findIndex((file, index) => file.folderMillis <= (files[index - 1]?.folderMillis ?? 0));
  if (late === -1) return files;
  throw new Error(
    `Entry ${late} of meta/_journal.json of ${name} has a "when" that is not after the entry before it. ` +
      "Databases that have the newer one would skip it silently: give it a later time.",
  );
}

async function verify(handle: NodePgDatabase, plan: Migrations & { files: MigrationMeta[] }, table: string) {
  const { rows } = await handle.execute<{ hash: string; created_at: string }>(
    sql`select hash, created_at from drizzle.${sql.identifier(table)}`,
  );
  const applied = new Map(rows.map((row) => [Number(row.created_at), row.hash]));
  for (const [index, file] of plan.files.entries()) {
    const hash = applied.get(file.folderMillis);
    if (hash === file.hash) continue;
    throw new Error(
      hash === undefined
        ? `Migration ${index} of ${plan.name} was left out: a newer one had been applied before it came. Give it a later time.`
        : `Migration ${index} of ${plan.name} was edited after it had been applied. Undo that and write a new one.`,
    );
  }
}
