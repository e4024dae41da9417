import { query, type Transaction } from "@throughline/log";
import { type AppendResult, appendEntries, type Entry, record, type Snapshot } from "./append-to-stream.ts";
import type { Event, Metadata } from "./recorded-event.ts";

/** What one command makes happen in a stream. */
export type Part<Told extends Event> = { readonly entries: readonly Entry<Told>[]; readonly metadata: Metadata };

export type Append<Told extends Event> = {
  readonly streamId: string;
  readonly type: string;
  /** The version that was loaded with the stream locked; 0 where there was none. */
  readonly expected: number;
  /** One after the other. */
  readonly parts: readonly Part<Told>[];
  /** After the last of them. */
  readonly snapshot?: Snapshot | undefined;
};

/**
 * `appendEntries` to streams that this transaction has locked, each named once, in one statement. The results are by
 * stream, and in the order of its parts.
 */
export async function appendTogether<Told extends Event>(
  tx: Transaction,
  appends: readonly Append<Told>[],
): Promise<Map<string, AppendResult<Told>[]>> {
  const isOne = appends.length === 1 && appends[0]?.parts.length === 1;
  const rows =
    isOne || appends.length === 0
      ? []
      : await query<Row>(tx, "event-store-append-all", appendAllText, toColumns(appends));
  const byStream = Map.groupBy(rows, ({ stream_id }) => stream_id);
  const results = new Map<string, AppendResult<Told>[]>();
  // One alone is cheaper by itself; and of a stream that is not as it was expected, the function tells more.
  for (const append of appends) {
    const own = byStream.get(append.streamId);
    results.set(append.streamId, own ? recordAll(append, own) : await appendOneByOne(tx, append));
  }
  return results;
}

async function appendOneByOne<Told extends Event>(
  tx: Transaction,
  { streamId, type, parts, snapshot, ...append }: Append<Told>,
): Promise<AppendResult<Told>[]> {
  const results: AppendResult<Told>[] = [];
  let { expected } = append;
  for (const [nth, { entries, metadata }] of parts.entries()) {
    const kept = nth === parts.length - 1 ? snapshot : undefined;
    results.push(await appendEntries(tx, streamId, type, entries, { expected, metadata, snapshot: kept }));
    expected += entries.length;
  }
  return results;
}

type Row = { readonly stream_id: string; readonly version: number; readonly position: number; readonly at_ms: number };

function recordAll<Told extends Event>(append: Append<Told>, rows: readonly Row[]): AppendResult<Told>[] {
  const recorded = eventsOf(append).map(({ entry, metadata }, nth) =>
    record(append.streamId, entry, rows[nth] as Row, metadata),
  );
  return append.parts.map(({ entries }) => ({ appended: recorded.splice(0, entries.length) }));
}

/** Those of all parts, in order, each with the metadata of its own. */
function eventsOf<Told extends Event>({ parts }: Append<Told>) {
  return parts.flatMap(({ entries, metadata }) => entries.map((entry) => ({ entry, metadata })));
}

function toColumns<Told extends Event>(appends: readonly Append<Told>[]): unknown[][] {
  const events = appends.flatMap((append) =>
    eventsOf(append).map((event, nth) => ({
      ...event,
      streamId: append.streamId,
      version: append.expected + nth + 1,
    })),
  );
  return [
    appends.map(({ streamId }) => streamId),
    appends.map(({ type }) => type),
    appends.map(({ expected }) => expected),
    appends.map((append) => append.expected + eventsOf(append).length),
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
