import { createRequire } from "node:module";

type Cluster = { refreshMetadata(): Promise<void> };
type ConsumerGroup = { readonly cluster: Cluster };
type FetchError = Error & { readonly type?: string };
type ConsumerGroupClass = {
  readonly prototype: { recoverFromFetch(this: ConsumerGroup, error: FetchError): Promise<void> };
};

/** After these it joins anew; the names are of its errors, the types of Kafka's. */
const names = ["KafkaJSTopicMetadataNotLoaded", "KafkaJSStaleTopicMetadataAssignment"];
const types = [
  ...["LEADER_NOT_AVAILABLE", "NOT_LEADER_FOR_PARTITION", "UNKNOWN_TOPIC_OR_PARTITION"],
  ...["FENCED_LEADER_EPOCH", "UNKNOWN_LEADER_EPOCH"],
];

// Where a partition has moved to another broker, the fetcher that hears of it joins the group anew by itself, while those
// of the other brokers go on: what they fetched by the offsets of before is handed on as if it were of the new generation,
// and what was in hand is neither handled nor fetched again. As a rebalance, it stops them all and tells of it first.
const load = createRequire(import.meta.url);
const { prototype }: ConsumerGroupClass = load("kafkajs/src/consumer/consumerGroup.js");
const recover = prototype.recoverFromFetch;
prototype.recoverFromFetch = async function (this: ConsumerGroup, error: FetchError) {
  if (!names.includes(error.name) && !types.includes(error.type ?? "")) return recover.call(this, error);
  await this.cluster.refreshMetadata();
  throw Object.assign(new Error(error.message, { cause: error }), { type: "REBALANCE_IN_PROGRESS" });
};
