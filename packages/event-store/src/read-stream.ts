import { type Database, query, type Transaction } from "@throughline/log";
import { type Decider, streamIdOf } from "./decider.ts";
import { eventId } from "./event-id.ts";
import { type Event, type EventRow, eventColumns, eventFromRow, type RecordedEvent } from "./recorded-event.ts";
import { upcast } from "./upcast.ts";

export type ReadStreamOptions = {
  /** The version after which to start. Default: 0, from the first event. */
  readonly after?: number;
  /** Events at most. Default: all. */
  readonly limit?: number;
};

/** The events of one stream in order, as they were written: nothing is upcast. Empty where there is no such stream. */
export async function readStream(
  handle: Database | Transaction,
  streamId: string,
  { after = 0, limit }: ReadStreamOptions = {},
): Promise<RecordedEvent[]> {
  const rows = await query<EventRow>(handle, "event-store-read-stream", readText, [streamId, after, limit ?? null]);
  return rows.map(eventFromRow);
}

const readText = `select position::float8 as position, ${eventColumns}
  from events where stream_id = $1 and version > $2 order by version limit $3`;

/**
 * All that happened to an entity, in order and in the present shape, as it is shown: what was noted beside an event stands
 * among its own fields.
 */
export async function readHistory<Command, Told extends Event, State>(
  handle: Database | Transaction,
  decider: Decider<Command, Told, State>,
  id: string,
): Promise<object[]> {
  const events = await readStream(handle, streamIdOf(decider, id));
  return events.map((event) => {
    const { id, version, type, data, at, metadata } = upcast(decider, event);
    return { id, version, type, data, at, ...metadata };
  });
}

/** The events that a command caused in a stream, of which the first is at `version`: they stand side by side. */
export async function readCommandEvents<Told extends Event>(
  handle: Database | Transaction,
  streamId: string,
  commandId: string,
  version: number,
): Promise<RecordedEvent<Told>[]> {
  const found: RecordedEvent[] = [];
  for (;;) {
    const page = await readStream(handle, streamId, { after: version - 1 + found.length, limit: 100 });
    const theirs = page.filter((event) => event.id === eventId(streamId, commandId, event.version - version));
    found.push(...theirs);
    if (theirs.length < 100) return found as RecordedEvent<Told>[];
  }
}
