import { type Database, openCursors, query } from "@throughline/log";
import { outboxLog } from "./outbox-log.ts";
import { type Beginning, cursorAtBeginning } from "./place.ts";

export type NewDestination = {
  readonly name: string;
  readonly types: readonly string[] | undefined;
  readonly lanes: number;
  readonly beginning: Beginning;
};

/** Makes the cursors of a destination where it is new, and notes which types it gets from now on. */
export function openDestination(database: Database, { name, types, lanes, beginning }: NewDestination): Promise<void> {
  return database.transaction(async (tx) => {
    // Of two relays that start at once, the second waits here, and finds the cursors made.
    const [noted] = await query<{ isNew: boolean }>(
      tx,
      "outbox_note_destination",
      `insert into outbox_destinations (destination, types) values ($1, $2)
       on conflict (destination) do update set types = excluded.types returning xmax = 0 as "isNew"`,
      [name, types ?? null],
    );
    const position = noted?.isNew ? await cursorAtBeginning(tx, beginning) : 0;
    await openCursors(tx, outboxLog, name, { lanes, position });
  });
}
