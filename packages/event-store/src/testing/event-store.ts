import type {
  AppendOptions,
  DecideOptions,
  Decider,
  Decision,
  Event,
  Loaded,
  ReadEventsOptions,
  ReadStreamOptions,
  RecordedEvent,
} from "../index.ts";

/** The functions of this package over one store, each call a transaction of its own: what the suite is run on. */
export interface EventStore {
  appendToStream<Told extends Event>(
    streamId: string,
    type: string,
    events: readonly Told[],
    options: AppendOptions,
  ): Promise<RecordedEvent<Told>[]>;
  closeStream(streamId: string, options: { readonly expected: number | "stream-exists" }): Promise<void>;
  readStream(streamId: string, options?: ReadStreamOptions): Promise<RecordedEvent[]>;
  readEvents(options: ReadEventsOptions): Promise<RecordedEvent[]>;
  decide<Command, Told extends Event, State>(
    decider: Decider<Command, Told, State>,
    id: string,
    command: Command,
    options?: DecideOptions,
  ): Promise<Decision<Told, State>>;
  loadState<Command, Told extends Event, State>(
    decider: Decider<Command, Told, State>,
    id: string,
  ): Promise<Loaded<State>>;
}
