import { askTogether, query, type Transaction } from "@throughline/log";
import { type AppendResult, appendEntries, type Entry, record, type Snapshot } from "./append-to-stream.ts";
import type { Event, Metadata } from "./recorded-event.ts";

type Append<Told extends Event> = {
  readonly streamId: string;
  readonly type: string;
  readonly entries: readonly Entry<Told>[];
  /** The version that was loaded with the stream locked; 0 where there was none. */
  readonly expected: number;
  readonly metadata: Metadata;
  readonly snapshot?: Snapshot | undefined;
};

/** `appendEntries` to a stream that this transaction has locked, in one statement with what it appends beside it. */
export async function appendTogether<Told extends Event>(
  tx: Transaction,
  streamId: string,
  type: string,
  entries: readonly Entry<Told>[],
  options: Pick<Append<Told>, "expected" | "metadata" | "snapshot">,
): Promise<AppendResult<Told>> {
  if (entries.length === 0) return { appended: [] };
  const result = await askTogether(tx, appendAll, { streamId, type, entries, ...options });
  return result as AppendResult<Told>;
}

async function appendAll(tx: Transaction, appends: readonly Append<Event>[]): Promise<AppendResult<Event>[]> {
  const rows =
    appends.length === 1 || isAnyTwice(appends)
      ? []
      : await query<Row>(tx, "event-store-append-all", appendAllText, toColumns(appends));
  const byStream = Map.groupBy(rows, ({ stream_id }) => stream_id);
  const results: AppendResult<Event>[] = [];
  // One alone is cheaper by itself; and of a stream that is not as it was expected, the function tells more.
  for (const append of appends) {
    const own = byStream.get(append.streamId);
    results.push(own ? { appended: recordAll(append, own) } : await appendOne(tx, append));
  }
  return results;
}

function appendOne(
  tx: Transaction,
  { streamId, type, entries, ...options }: Append<Event>,
): Promise<AppendResult<Event>> {
  return appendEntries(tx, streamId, type, entries, options);
}

type Row = { readonly stream_id: string; readonly version: number; readonly position: number; readonly at_ms: number };

function recordAll({ streamId, entries, metadata }: Append<Event>, rows: readonly Row[]) {
  return rows.map((row, index) => record(streamId, entries[index] as Entry<Event>, row, metadata));
}

/** Two appends to one stream cannot both be to the version that was loaded: one by one, the second is refused. */
function isAnyTwice(appends: readonly Append<Event>[]): boolean {
  return new Set(appends.map(({ streamId }) => streamId)).size < appends.length;
}

function toColumns(appends: readonly Append<Event>[]): unknown[][] {
  const events = appends.flatMap(({ entries, ...append }) =>
    entries.map((entry, index) => ({ ...append, entry, version: append.expected + index + 1 })),
  );
  return [
    appends.map(({ streamId }) => streamId),
    appends.map(({ type }) => type),
    appends.map(({ expected }) => expected),
    appends.map(({ expected, entries }) => expected + entries.length),
    appends.map(({ snapshot }) => (snapshot === undefined ? null : JSON.stringify(snapshot.state))),
    appends.map(({ snapshot }) => snapshot?.stateVersion ?? null),
    events.map(({ streamId }) => streamId),
    events.map(({ version }) => version),
    events.map(({ entry }) => entry.id),
    events.map(({ entry }) => entry.type),
    events.map(({ entry }) => entry.schemaVersion),
    events.map(({ entry }) => JSON.stringify(entry.data)),
    events.map(({ metadata }) => JSON.stringify(metadata)),
  ];
}

// What is there is found by conflict, and so by its key, whatever the planner believes about a young table. A stream
// that was new, and is not any more, or is closed, is in neither list: no row comes back for it, and none of its events is
// written.
const appendAllText = `
  with given as (
    select * from unnest($1::text[], $2::text[], $3::integer[], $4::integer[], $5::jsonb[], $6::integer[])
      as stream (stream_id, type, expected, version, snapshot, state_version)
    order by stream_id
  ), created as (
    insert into streams (stream_id, type, version, snapshot, snapshot_version, state_version)
    select stream_id, type, version, snapshot, case when snapshot is not null then version end, state_version
    from given where expected = 0
    on conflict do nothing returning stream_id
  ), moved as (
    insert into streams as s (stream_id, type, version, snapshot, snapshot_version, state_version)
    select stream_id, type, version, snapshot, case when snapshot is not null then version end, state_version
    from given where expected > 0
    on conflict (stream_id) do update set
      version = excluded.version,
      snapshot = coalesce(excluded.snapshot, s.snapshot),
      snapshot_version = coalesce(excluded.snapshot_version, s.snapshot_version),
      state_version = coalesce(excluded.state_version, s.state_version)
    where s.closed_at is null
    returning stream_id
  ), added as (
    insert into events (stream_id, version, event_id, type, schema_version, data, metadata)
    select stream_id, version, id, type, schema_version, data, metadata
    from unnest($7::text[], $8::integer[], $9::uuid[], $10::text[], $11::integer[], $12::jsonb[], $13::jsonb[])
      with ordinality as event (stream_id, version, id, type, schema_version, data, metadata, nth)
      join (select * from created union all select * from moved) as present using (stream_id)
    order by nth
    returning stream_id, version, position, recorded_at
  )
  select stream_id, version, position::float8 as position, (extract(epoch from recorded_at) * 1000)::float8 as at_ms
  from added order by stream_id, version`;
