import { createTestDatabase } from "@throughline/local/testing";
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import pg from "pg";
import { type Database, type Log, migrations, query, type Transaction } from "./index.ts";

/** The log of these tests: what its owner writes to have one. */
export const notes: Log = { table: "notes", sequence: "notes_position_seq", namespace: 20_001 };

const schema = `
  create sequence notes_position_seq as bigint cache 1;
  create table notes (
    position bigint primary key default nextval('notes_position_seq'),
    writer integer not null,
    number integer not null
  );
  create trigger notes_pin before insert on notes
    for each statement execute function log_pin('notes_position_seq', 20001);`;

export type Note = { readonly writer: number; readonly number: number };

/** A database of its own with an empty log in it. */
export async function openNotes(): Promise<{ readonly database: Database } & AsyncDisposable> {
  const opened = new AsyncDisposableStack();
  const { url } = opened.use(await createTestDatabase());
  const pool = opened.adopt(new pg.Pool({ connectionString: url, max: 20 }), closePool);
  const database = drizzle(pool);
  await migrate(database, { migrationsFolder: migrations.folder, migrationsTable: "__migrations_log" });
  await database.execute(schema);
  return { database, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

export async function write(handle: Database | Transaction, note: Note): Promise<void> {
  await query(handle, "write_note", "insert into notes (writer, number) values ($1, $2)", [note.writer, note.number]);
}

/** A transaction that stays open until told, so that a test decides who commits when. */
export async function openTransaction(
  database: Database,
): Promise<{ readonly tx: Transaction; commit(): Promise<void>; rollback(): Promise<void> }> {
  const opened = Promise.withResolvers<Transaction>();
  const rolledBack = new Error("Rolled back by the test");
  const end = Promise.withResolvers<void>();
  const done = database.transaction(async (tx) => {
    opened.resolve(tx);
    await end.promise;
  });
  done.catch(opened.reject);
  return {
    tx: await opened.promise,
    async commit() {
      end.resolve();
      await done;
    },
    async rollback() {
      end.reject(rolledBack);
      await done.catch((error) => {
        if (error !== rolledBack) throw error;
      });
    },
  };
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
