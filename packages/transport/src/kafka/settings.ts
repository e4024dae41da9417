import type { ConnectionOptions } from "node:tls";

export type KafkaOptions = {
  /** Where to ask for the cluster: `["kafka-1:9092", "kafka-2:9092"]`. One that answers is enough. */
  readonly brokers: readonly string[];
  /** One per environment, in front of every topic and group: `dev`. */
  readonly namespace: string;
  /** The library that speaks to the brokers. They see no difference, and a group may have members of both. Default: kafkajs. */
  readonly client?: "kafkajs" | "platformatic";
  /** Partitions of topics that are created here, and so the most members of a group that share one topic. Default: 6. */
  readonly partitions?: number;
  /** Copies of each partition of topics that are created here; from 3 on, two of them confirm a write. Default: 1. */
  readonly replicationFactor?: number;
  /** What differs from that for the topics of single types: `{ "payment.completed": { retentionMs } }`. Default: nothing. */
  readonly topics?: Readonly<Record<string, TopicOptions>>;
  /** How what is published is compressed. All of them are read by everyone. Default: none. */
  readonly compression?: "none" | "gzip" | "zstd";
  /**
   * How long, in milliseconds, the group waits for a member that went silent before others get its partitions. A slow
   * handler is not silent. The broker's `group.min.session.timeout.ms` is the least. Default: 10,000.
   */
  readonly sessionTimeoutMs?: number;
  /** TLS, with the options of `node:tls` where the system's certificates do not do. Default: none. */
  readonly ssl?: boolean | ConnectionOptions;
  /** Default: none. */
  readonly sasl?: SaslOptions;
};

export type TopicOptions = {
  /** Default: the transport's. */
  readonly partitions?: number;
  /** How long messages are kept, in milliseconds. Default: 7 days. */
  readonly retentionMs?: number;
};

export type SaslOptions = {
  readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
  readonly username: string;
  readonly password: string;
};

/** The options with their defaults. */
export type KafkaSettings = Required<Omit<KafkaOptions, "ssl" | "sasl">> & Pick<KafkaOptions, "ssl" | "sasl">;

/** What the parts of the adapter work with. */
export function settingsOf(options: KafkaOptions): KafkaSettings {
  return {
    client: "kafkajs",
    partitions: 6,
    replicationFactor: 1,
    topics: {},
    compression: "none",
    sessionTimeoutMs: 10_000,
    ...options,
  };
}
