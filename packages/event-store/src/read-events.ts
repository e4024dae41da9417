import { type Database, type Log, readLog, type Transaction } from "@throughline/log";
import { type EventRow, eventColumns, eventFromRow, type RecordedEvent } from "./recorded-event.ts";

/** The events of all streams as a log, for `checkLog`, `whatHoldsBack` and cursors of projections. */
export const eventLog: Log = { table: "events", sequence: "events_position", namespace: 2 };

export type ReadEventsOptions = {
  readonly after: number;
  /** Events at most. Default: 500. */
  readonly limit?: number;
};

/**
 * The events of all streams after a position, in an order that never changes: none is ever followed by a lower position,
 * and those of one stream are in the order of their versions. The next `after` is the position of the last one.
 */
export async function readEvents(
  handle: Database | Transaction,
  { after, limit = 500 }: ReadEventsOptions,
): Promise<RecordedEvent[]> {
  const columns = { name: "event-store-read-events", columns: eventColumns };
  const { rows } = await readLog<EventRow>(handle, eventLog, columns, { after, limit });
  return rows.map(eventFromRow);
}
