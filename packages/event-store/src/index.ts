export { type AppendOptions, appendToStream } from "./append-to-stream.ts";
export { ConcurrencyError, type Expectation } from "./concurrency-error.ts";
export { type DecideOptions, type Decision, decide } from "./decide.ts";
export type { Decider, StoredEvent } from "./decider.ts";
export { type Loaded, loadState } from "./load-state.ts";
export { migrations } from "./migrations.ts";
export { eventLog, type ReadEventsOptions, readEvents } from "./read-events.ts";
export { type ReadStreamOptions, readStream } from "./read-stream.ts";
export type { Event, Metadata, RecordedEvent } from "./recorded-event.ts";
