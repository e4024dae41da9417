/** Something that happened, as a decider tells it. `data` is JSON. */
export type Event = {
  readonly type: string;
  readonly data: unknown;
  /** The version of `data`. What a decider tells is given the one that its `upcasters` lead to. Default: 1. */
  readonly schemaVersion?: number;
};

/** An event with its place in history. */
export type RecordedEvent<Told extends Event = Event> = Told & {
  readonly id: string;
  readonly streamId: string;
  /** Counts the events of the stream: 1, 2, 3 … without a gap. */
  readonly version: number;
  readonly schemaVersion: number;
  readonly at: Date;
  /** Grows over all streams, with gaps: the cursor of `readEvents`. */
  readonly position: number;
  readonly metadata: Metadata;
};

/** What the writer noted beside the events: `correlationId`, `causationId`. */
export type Metadata = Readonly<Record<string, string>>;

/** The columns of an `EventRow`, beside `position`, with numbers that the driver hands over as numbers. */
export const eventColumns = `event_id, stream_id, version, type, schema_version, data, metadata,
  (extract(epoch from recorded_at) * 1000)::float8 as at_ms`;

export type EventRow = {
  readonly event_id: string;
  readonly stream_id: string;
  readonly version: number;
  readonly type: string;
  readonly schema_version: number;
  readonly data: unknown;
  readonly metadata: Metadata;
  readonly at_ms: number;
  readonly position: number;
};

export function eventFromRow(row: EventRow): RecordedEvent {
  return {
    id: row.event_id,
    streamId: row.stream_id,
    version: row.version,
    type: row.type,
    schemaVersion: row.schema_version,
    data: row.data,
    at: new Date(row.at_ms),
    position: row.position,
    metadata: row.metadata,
  };
}
