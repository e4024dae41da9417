export { enqueue } from "./enqueue.ts";
export { migrations } from "./migrations.ts";
export { outboxLog } from "./outbox-log.ts";
export { defaultLanes, defaultReplayWindowMs, type Relay, type RelayOptions, startRelay } from "./relay.ts";
export type { DestinationStatus } from "./status.ts";
