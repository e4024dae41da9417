import { openTestDatabase } from "@throughline/local/testing";
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
export async function openNotes(): Promise<{ readonly database: Database; readonly url: string } & AsyncDisposable> {
  const opened = await openTestDatabase(migrations);
  await opened.database.execute(schema);
  return opened;
}

export async function write(handle: Database | Transaction, note: Note): Promise<void> {
  await query(handle, "write_note", "insert into notes (writer, number) values ($1, $2)", [note.writer, note.number]);
}

/** Several notes in one statement, in their order. */
export async function writeAll(handle: Transaction, writer: number, numbers: readonly number[]): Promise<void> {
  const text = "insert into notes (writer, number) select $1, unnest($2::integer[])";
  await query(handle, "write_notes", text, [writer, numbers]);
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
