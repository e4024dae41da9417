import { type Database, openCursors, query } from "@throughline/log";
import { outboxLog } from "./outbox-log.ts";
import { type Beginning, cursorAtBeginning } from "./place.ts";

export type NewDestination = {
  readonly name: string;
  /** The relay that starts. */
  readonly owner: string;
  readonly types: readonly string[] | undefined;
  readonly lanes: number;
  readonly beginning: Beginning;
};

/**
 * Makes the cursors of a destination where it is new, and notes which types it gets from now on. Whoever has a lane of it
 * goes by what is noted, so that a release that adds a type may start beside one that does not know it. Hence a relay that
 * starts takes no type away from others that run, or died within the hour: for fewer types, all are to be stopped first.
 */
export function openDestination(database: Database, destination: NewDestination): Promise<void> {
  const { name, owner, types = null, lanes, beginning } = destination;
  return database.transaction(async (tx) => {
    // Of two relays that start at once, the second waits here, and finds the cursors made.
    const [noted] = await query<{ isNew: boolean }>(
      tx,
      "outbox_note_destination",
      `insert into outbox_destinations as known (destination, types) values ($1, $2)
       on conflict (destination) do update set types = case when known.types is not null and excluded.types is not null
         then array(select distinct unnest(known.types || excluded.types) order by 1) end
       returning xmax = 0 as "isNew"`,
      [name, types],
    );
    // A statement of its own, which sees whoever was waited for above.
    await query(
      tx,
      "outbox_narrow_destination",
      `with here as (
         insert into outbox_relays (destination, owner, seen_until) values ($1, $3, clock_timestamp())
       )
       update outbox_destinations set types = $2 where destination = $1 and not exists (
         select from outbox_relays where destination = $1 and seen_until > clock_timestamp() - interval '1 hour')`,
      [name, types, owner],
    );
    const position = noted?.isNew ? await cursorAtBeginning(tx, beginning) : 0;
    await openCursors(tx, outboxLog, name, { lanes, position });
  });
}
