import { type Database, dropCursors, query } from "@throughline/log";
import { noteAction } from "./actions.ts";
import { outboxLog } from "./outbox-log.ts";

/**
 * Gives up what waits for a destination: its cursors and what is parked for it, so that partitions drop again. A relay that
 * has it later begins anew, and who did so is kept. Rejects, and does nothing, while a relay has it.
 */
export function forgetDestination(database: Database, destination: string, by: string): Promise<void> {
  return database.transaction(async (tx) => {
    if (!(await dropCursors(tx, outboxLog, destination))) {
      throw new Error(
        `A relay publishes to ${destination}: stop it, or start it without ${destination}, and try again`,
      );
    }
    for (const table of ["outbox_parked", "outbox_parked_keys", "outbox_destinations"]) {
      await query(tx, `${table}_forget`, `delete from ${table} where destination = $1`, [destination]);
    }
    await noteAction(tx, { action: "forgotten", destination, detail: "with all that waited for it", by });
  });
}
