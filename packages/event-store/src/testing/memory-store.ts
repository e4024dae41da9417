import { RejectedError } from "@throughline/envelope";
import { toEntries } from "../append-to-stream.ts";
import { causeOfThis } from "../decide.ts";
import { type Decider, streamIdOf } from "../decider.ts";
import { eventId } from "../event-id.ts";
import { type AppendOptions, ConcurrencyError, type Event, type Expectation, type RecordedEvent } from "../index.ts";
import { inPresentVersion, upcast } from "../upcast.ts";
import type { EventStore } from "./event-store.ts";

type Stream = { readonly events: readonly RecordedEvent[]; readonly isClosed: boolean };

const missing: Stream = { events: [], isClosed: false };

/** An event store without a database: for tests of deciders, and the plainest statement of what the other one does. */
export function createMemoryStore(): EventStore {
  const log: RecordedEvent[] = [];
  const streams = new Map<string, Stream>();
  const find = (streamId: string) => streams.get(streamId) ?? missing;

  function append(streamId: string, events: readonly Event[], { expected, commandId, metadata = {} }: AppendOptions) {
    const stream = find(streamId);
    const version = stream.events.length;
    const entries = toEntries(streamId, events, commandId);
    if (entries.length === 0) return [];
    const told = eventsOf(stream, streamId, commandId);
    if (told.length > 0) return told;
    if (stream.isClosed) throw new RejectedError(`Stream ${streamId} is closed`);
    if (!isMet(expected, version)) throw new ConcurrencyError(streamId, expected, version);
    const at = new Date();
    const appended = entries.map((entry, index): RecordedEvent => {
      const place = { streamId, version: version + index + 1, position: log.length + index + 1, at };
      return { ...entry, ...place, metadata: { ...metadata } };
    });
    log.push(...appended);
    streams.set(streamId, { ...stream, events: [...stream.events, ...appended] });
    return appended;
  }

  return {
    appendToStream: async <Told extends Event>(
      streamId: string,
      _type: string,
      events: readonly Told[],
      options: AppendOptions,
    ) => append(streamId, events, options) as RecordedEvent<Told>[],

    async closeStream(streamId, { expected }) {
      const stream = find(streamId);
      const version = stream.events.length;
      if (!stream.isClosed && !isMet(expected, version)) throw new ConcurrencyError(streamId, expected, version);
      streams.set(streamId, { ...stream, isClosed: true });
    },

    readStream: async (streamId, { after = 0, limit = Number.POSITIVE_INFINITY } = {}) =>
      find(streamId).events.slice(after, after + limit),

    readEvents: async ({ after, limit = 500 }) => log.slice(after, after + limit),

    async decide(decider, id, command, { commandId, metadata } = {}) {
      const streamId = streamIdOf(decider, id);
      const told = eventsOf(find(streamId), streamId, commandId);
      const last = told.at(-1);
      if (last) {
        const { state, version } = replay(decider, find(streamId).events.slice(0, last.version));
        return { state, version, events: told.map((event) => upcast(decider, event)) };
      }
      const { state, version } = replay(decider, find(streamId).events);
      const events = inPresentVersion(decider, decider.decide(command, state));
      const appended = append(streamId, events, {
        ...{ expected: version, commandId },
        metadata: { ...causeOfThis(), ...metadata },
      });
      return {
        ...replay(decider, find(streamId).events),
        events: appended.map((event) => upcast(decider, event)),
      };
    },

    loadState: async (decider, id) => replay(decider, find(streamIdOf(decider, id)).events),
  };
}

function isMet(expected: Expectation, version: number): boolean {
  switch (expected) {
    case "any":
      return true;
    case "no-stream":
      return version === 0;
    case "stream-exists":
      return version > 0;
    default:
      return version === expected;
  }
}

/** What a command caused in this stream: events that stand side by side. */
function eventsOf({ events }: Stream, streamId: string, commandId: string | undefined): RecordedEvent[] {
  if (commandId === undefined) return [];
  const from = events.findIndex(({ id }) => id === eventId(streamId, commandId, 0));
  return from === -1 ? [] : events.slice(from).filter(({ id }, index) => id === eventId(streamId, commandId, index));
}

/** Always from the first event on: what is kept of a state elsewhere must equal this. */
function replay<Command, Told extends Event, State>(
  decider: Decider<Command, Told, State>,
  history: readonly RecordedEvent[],
) {
  const events = history.map((event) => upcast(decider, event));
  return { state: events.reduce<State>(decider.evolve, decider.initialState), version: events.length };
}
