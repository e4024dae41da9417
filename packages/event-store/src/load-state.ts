import { type Database, query, type Transaction } from "@throughline/log";
import { type Decider, type StoredEvent, streamIdOf } from "./decider.ts";
import type { Event } from "./recorded-event.ts";
import { upcast } from "./upcast.ts";

export type Loaded<State> = {
  readonly state: State;
  /** The version of the stream; 0 where there is none. */
  readonly version: number;
};

/** The state of an entity as it is committed, or as this transaction left it. Takes no lock: for reading, not deciding. */
export async function loadState<Command, Told extends Event, State>(
  handle: Database | Transaction,
  decider: Decider<Command, Told, State>,
  id: string,
): Promise<Loaded<State>> {
  const values = [streamIdOf(decider, id), stateVersionOf(decider)];
  const [row] = await query<StreamRow>(handle, "event-store-load", loadText, values);
  return fold(decider, row);
}

/** The states with their streams locked until `tx` ends, and where the events of a command begin if it came before. */
export async function loadForDecision<Command, Told extends Event, State>(
  tx: Transaction,
  decider: Decider<Command, Told, State>,
  asked: readonly Omit<StreamToLock, "stateVersion">[],
): Promise<(Loaded<State> & { readonly snapshotVersion: number; readonly repeatedFrom: number | undefined })[]> {
  const stateVersion = stateVersionOf(decider);
  const rows = await lockStreams(
    tx,
    asked.map((stream) => ({ ...stream, stateVersion })),
  );
  return rows.map((row) => ({
    ...fold(decider, row),
    snapshotVersion: row?.snapshot_version ?? 0,
    repeatedFrom: row?.repeated_from ?? undefined,
  }));
}

type StreamToLock = {
  readonly streamId: string;
  readonly stateVersion: number | null;
  readonly firstEventId: string | null;
};

async function lockStreams(tx: Transaction, streams: readonly StreamToLock[]): Promise<(StreamRow | undefined)[]> {
  const ask = () =>
    query<StreamRow & { readonly nth: number }>(tx, "event-store-lock", lockText, [
      streams.map(({ streamId }) => streamId),
      streams.map(({ stateVersion }) => stateVersion),
      streams.map(({ firstEventId }) => firstEventId),
    ]);
  // A statement that waited for a lock has the new stream row, but the events of before: ask again, now unrivalled, until
  // none is seen for the first time. Where the row has a state as new as itself, that shows in nothing, and this command's
  // own events may be among them.
  const isCertain = (row: StreamRow & { readonly nth: number }) =>
    isComplete(row) &&
    (row.snapshot_version < row.version || row.repeated_from !== null || !streams[row.nth - 1]?.firstEventId);
  const locked = new Set<number>();
  let rows = await ask();
  while (!rows.every((row) => locked.has(row.nth) || isCertain(row))) {
    for (const { nth } of rows) locked.add(nth);
    rows = await ask();
  }
  const byNth = new Map(rows.map((row) => [row.nth, row]));
  return streams.map((_, index) => byNth.get(index + 1));
}

/** The state that the entity had at `version`, from its first event on. */
export async function loadStateAt<Command, Told extends Event, State>(
  tx: Transaction,
  decider: Decider<Command, Told, State>,
  streamId: string,
  version: number,
): Promise<Loaded<State>> {
  const [row] = await query<StreamRow>(tx, "event-store-load-at", loadAtText, [streamId, version]);
  return fold(decider, row);
}

type StreamRow = {
  readonly version: number;
  readonly snapshot: unknown;
  readonly snapshot_version: number;
  readonly events: readonly StoredEvent[];
  readonly repeated_from: number | null;
};

// The events come as one JSON text, because one JSON.parse is faster than a row mapping per event.
const events = (stream: string, where: string) => `coalesce((
  select json_agg(json_build_object('type', type, 'schemaVersion', schema_version, 'data', data) order by version)
  from events where stream_id = ${stream} and ${where}), '[]') as events`;

const kept = (stateVersion: string) => `version,
      case when state_version = ${stateVersion} then snapshot end as snapshot,
      case when state_version = ${stateVersion} then snapshot_version else 0 end as snapshot_version`;

const loadText = `
  select stream.version, stream.snapshot, stream.snapshot_version, null as repeated_from,
    ${events("$1", "version > stream.snapshot_version")}
  from (select ${kept("$2")} from streams where stream_id = $1) as stream`;

// Sorted, because the streams are locked in this order; lateral, so that each is found by its key whatever the planner
// believes about a young table.
const lockText = `
  select nth::integer, stream.version, stream.snapshot, stream.snapshot_version,
    (select version from events where event_id = asked.first_event_id) as repeated_from,
    ${events("asked.stream_id", "version > stream.snapshot_version")}
  from (
    select * from unnest($1::text[], $2::integer[], $3::uuid[]) with ordinality
      as given (stream_id, state_version, first_event_id, nth)
    order by stream_id
  ) as asked cross join lateral (
    select ${kept("asked.state_version")} from streams where stream_id = asked.stream_id for update
  ) as stream`;

const loadAtText = `
  select $2::integer as version, null as snapshot, 0 as snapshot_version, ${events("$1", "version <= $2")}`;

function stateVersionOf(decider: { readonly snapshotEvery?: number; readonly stateVersion?: number }): number | null {
  return decider.snapshotEvery === undefined ? null : (decider.stateVersion ?? 1);
}

function isComplete(row: StreamRow): boolean {
  return row.snapshot_version + row.events.length === row.version;
}

function fold<Command, Told extends Event, State>(
  decider: Decider<Command, Told, State>,
  row: StreamRow | undefined,
): Loaded<State> {
  if (row === undefined) return { state: decider.initialState, version: 0 };
  if (!isComplete(row)) throw new Error(`${decider.type}: version ${row.version}, but ${row.events.length} events`);
  let state = row.snapshot_version === 0 ? decider.initialState : (row.snapshot as State);
  for (const event of row.events) state = decider.evolve(state, upcast(decider, event));
  return { state, version: row.version };
}
