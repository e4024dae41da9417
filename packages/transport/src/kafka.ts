import type { ConnectionOptions } from "node:tls";
import type { SASLOptions } from "kafkajs";
import { createSharedAdmin } from "./kafka/admin.ts";
import { measureBacklog } from "./kafka/backlog.ts";
import type { KafkaSettings } from "./kafka/client.ts";
import { createPublisher } from "./kafka/publisher.ts";
import { connectSender } from "./kafka/sender.ts";
import { createSubscriber } from "./kafka/subscriber.ts";
import { type TopicOptions, topicOf } from "./kafka/topics.ts";
import type { Transport } from "./transport.ts";

export type { TopicOptions } from "./kafka/topics.ts";

export type KafkaOptions = {
  /** Where to ask for the cluster: `["kafka-1:9092", "kafka-2:9092"]`. One that answers is enough. */
  readonly brokers: readonly string[];
  /** One per environment, in front of every topic and group: `dev`. */
  readonly namespace: string;
  /** The name under which the brokers know this process. Default: the namespace. */
  readonly clientId?: string;
  /** Partitions of topics that are created here, and so the most members of a group that share one topic. Default: 6. */
  readonly partitions?: number;
  /** Copies of each partition of topics that are created here; from 3 on, two of them confirm a write. Default: 1. */
  readonly replicationFactor?: number;
  /** What differs from that for the topics of single types: `{ "payment.completed": { retentionMs } }`. Default: nothing. */
  readonly topics?: Readonly<Record<string, TopicOptions>>;
  /**
   * How long, in milliseconds, the group waits for a member that went silent before others get its partitions. A slow
   * handler is not silent. The broker's `group.min.session.timeout.ms` is the least. Default: 10,000.
   */
  readonly sessionTimeoutMs?: number;
  /** TLS, with the options of `node:tls` where the system's certificates do not do. Default: none. */
  readonly ssl?: boolean | ConnectionOptions;
  /** Mechanism and credentials, as kafkajs names them. Default: none. */
  readonly sasl?: SASLOptions;
};

/**
 * Apache Kafka. Topic `dev.order.created` per type, created where it is missing; group `dev.billing`; key, value and
 * headers as the envelope says. What is set aside goes to `dev.order.created.DLT` with its key, bytes and headers, and
 * `originalTopic`, `originalPartition`, `originalOffset`, `originalTimestamp`, `group`, `attempts`, `failedAt`,
 * `errorName`, `errorMessage` and `errorStack` beside them.
 *
 * Messages of one key and type keep their order; those of one key, whatever their type, are handled by one member, one
 * at a time. A message comes again when its member dies, or when the group meets anew before it was committed. While a
 * key waits for its next attempt, the others of its partition go on, but nothing behind it is committed.
 *
 * `publish` ends within 10 s, whatever the broker does. A subscriber whose broker is away tries again each second and
 * tells `onFailure`; after a crash the group waits for `sessionTimeoutMs` before it gives the partitions anew.
 *
 * The backlog counts as dead letters all that stand in those topics, whichever group set them aside: Kafka does not
 * count by header, and forgets them after 14 days.
 */
export function kafkaTransport(options: KafkaOptions): Transport {
  const settings = settingsOf(options);
  const { namespace } = settings;
  const admin = createSharedAdmin(settings);
  return {
    name: "kafka",
    connectPublisher: async () => createPublisher(await connectSender(settings, admin), namespace),
    connectSubscriber: async () => createSubscriber(settings, admin, await connectSender(settings, admin)),
    backlog(group, types) {
      const topics = types.map((type) => topicOf(namespace, type));
      return admin(`Counting what waits for ${group}`, (kafka) =>
        measureBacklog(kafka, topicOf(namespace, group), topics),
      );
    },
  };
}

/** What the parts of the adapter work with. */
export function settingsOf(options: KafkaOptions): KafkaSettings {
  return {
    clientId: options.namespace,
    partitions: 6,
    replicationFactor: 1,
    topics: {},
    sessionTimeoutMs: 10_000,
    ...options,
  };
}
