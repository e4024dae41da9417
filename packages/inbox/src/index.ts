export type { Outcome } from "./commit.ts";
export { type Consumer, type ConsumerOptions, type ConsumerStatus, startConsumer } from "./consumer.ts";
export { handleOnce } from "./handle-once.ts";
export type { RoadBacklog } from "./listen-on.ts";
export { migrations } from "./migrations.ts";
export { parkKey } from "./parked-keys.ts";
export { type Effect, on, onCall, type Reaction, type ReadableContract } from "./reaction.ts";
export { defaultRetentionDays, readRetentionDays, refuseForgotten } from "./retention.ts";
