import { RejectedError } from "@throughline/envelope";
import { type Database, query, type Transaction } from "@throughline/log";
import { ConcurrencyError, type Expectation } from "./concurrency-error.ts";
import { eventId } from "./event-id.ts";
import { readCommandEvents } from "./read-stream.ts";
import type { Event, Metadata, RecordedEvent } from "./recorded-event.ts";

export type AppendOptions = {
  /** Tested in the database, with the stream locked. */
  readonly expected: Expectation;
  /** The command that causes these events. Told again, it appends nothing and returns its first result. */
  readonly commandId?: string | undefined;
  /** Kept beside every event: `correlationId`, `causationId`. */
  readonly metadata?: Metadata | undefined;
};

/**
 * Adds events to the end of a stream in one round trip, all or none; in a transaction, if and only if that commits.
 * Throws a `ConcurrencyError` where the stream is not as expected, and a `RejectedError` where it is closed. No events, no
 * test.
 */
export async function appendToStream<Told extends Event>(
  handle: Database | Transaction,
  streamId: string,
  type: string,
  events: readonly Told[],
  options: AppendOptions,
): Promise<RecordedEvent<Told>[]> {
  const { commandId } = options;
  const entries = toEntries(streamId, events, commandId);
  const result = await appendEntries(handle, streamId, type, entries, options);
  if (result.repeatedFrom === undefined) return result.appended;
  return readCommandEvents<Told>(handle, streamId, String(commandId), result.repeatedFrom);
}

/** An event on its way into the table: JSON already, so that what is folded now equals what is replayed later. */
export type Entry<Told extends Event> = Told & { readonly id: string; readonly schemaVersion: number };

export function toEntries<Told extends Event>(
  streamId: string,
  events: readonly Told[],
  commandId: string | undefined,
): Entry<Told>[] {
  const entries = events.map(({ type, schemaVersion = 1, data }, index) => {
    return { id: eventId(streamId, commandId, index), type, schemaVersion, data };
  });
  return JSON.parse(JSON.stringify(entries)) as Entry<Told>[];
}

/** Where the command came before, nothing is appended, and its first event stands at version `repeatedFrom`. */
export type AppendResult<Told extends Event> =
  | { readonly appended: RecordedEvent<Told>[]; readonly repeatedFrom?: undefined }
  | { readonly repeatedFrom: number };

/** The stream's folded state after these events, kept in its row. */
export type Snapshot = { readonly state: unknown; readonly stateVersion: number };

export type Appended = {
  readonly outcome: "appended" | "repeated" | "refused" | "closed";
  readonly version: number;
  readonly position: number;
  readonly at_ms: number;
};

export async function appendEntries<Told extends Event>(
  handle: Database | Transaction,
  streamId: string,
  type: string,
  entries: readonly Entry<Told>[],
  { expected, metadata = {}, snapshot }: AppendOptions & { readonly snapshot?: Snapshot | undefined },
): Promise<AppendResult<Told>> {
  if (entries.length === 0) return { appended: [] };
  const rows = await query<Appended>(handle, "event-store-append", appendText, [
    streamId,
    type,
    String(expected),
    JSON.stringify(entries),
    JSON.stringify(metadata),
    snapshot === undefined ? null : JSON.stringify(snapshot.state),
    snapshot === undefined ? null : snapshot.stateVersion,
  ]);
  const first = rows[0];
  if (first === undefined) throw new Error(`Appending to ${streamId} had no outcome`);
  if (first.outcome === "closed") throw new RejectedError(`Stream ${streamId} is closed`);
  if (first.outcome === "refused") throw new ConcurrencyError(streamId, expected, first.version);
  if (first.outcome === "repeated") return { repeatedFrom: first.version };
  return { appended: entries.map((entry, index) => record(streamId, entry, rows[index] ?? first, metadata)) };
}

const appendText = `select outcome, version, position::float8 as position,
  (extract(epoch from recorded_at) * 1000)::float8 as at_ms from append_to_stream($1, $2, $3, $4, $5, $6, $7)`;

export function record<Told extends Event>(
  streamId: string,
  entry: Entry<Told>,
  row: Omit<Appended, "outcome">,
  metadata: Metadata,
) {
  const recorded: RecordedEvent = {
    id: entry.id,
    streamId,
    version: row.version,
    type: entry.type,
    schemaVersion: entry.schemaVersion,
    data: entry.data,
    at: new Date(row.at_ms),
    position: row.position,
    metadata,
  };
  return recorded as RecordedEvent<Told>;
}
