import { isIP } from "node:net";
import {
  compatibilityPartitioner,
  Admin as KafkaAdmin,
  Producer as KafkaProducer,
  type SASLMechanismValue,
} from "@platformatic/kafka";
import { codesOf } from "./errors.ts";
import type { Admin, KafkaLibrary, Producer } from "./library.ts";
import { joinGroup } from "./platformatic-member.ts";
import type { KafkaSettings } from "./settings.ts";

/**
 * @platformatic/kafka 2.12.1: TypeScript all the way, and kept.
 */
export function platformatic(settings: KafkaSettings): KafkaLibrary {
  return {
    connectProducer: () => connectProducer(settings),
    connectAdmin: () => connectAdmin(settings),
    joinGroup: (membership) => joinGroup(clientOptions(settings), membership),
  };
}

const earliest = -2n;
const latest = -1n;

export type ClientOptions = ReturnType<typeof clientOptions>;

function clientOptions({ brokers, namespace, ssl, sasl }: KafkaSettings) {
  const isNamed = brokers.some((broker) => isIP(broker.replace(/:\d+$/, "")) === 0);
  return {
    clientId: namespace,
    bootstrapBrokers: [...brokers],
    connectTimeout: 3_000,
    timeout: 8_000,
    retries: 4,
    retryDelay: 200,
    ...(ssl ? { tls: ssl === true ? {} : ssl, tlsServerName: isNamed } : {}),
    ...(sasl ? { sasl: { ...sasl, mechanism: sasl.mechanism.toUpperCase() as SASLMechanismValue } } : {}),
  };
}

async function connectProducer(settings: KafkaSettings): Promise<Producer> {
  const { compression } = settings;
  const producer = new KafkaProducer({
    ...clientOptions(settings),
    idempotent: true,
    acks: -1,
    compression,
    // Its own default takes the hash for unsigned, and so another partition than every other client of Kafka.
    partitioner: (message, key) => (key ? compatibilityPartitioner(message, key) : Math.floor(Math.random() * 2 ** 31)),
  });
  await opened(producer, producer.metadata({ topics: [] }));
  return {
    async send(records) {
      const messages = records.map(({ topic, key, value, headers }) => ({
        topic,
        key: toBuffer(key),
        value: toBuffer(value),
        headers: new Map(headers.map(([name, one]) => [Buffer.from(name), toBuffer(one)])),
      }));
      await producer.send({ messages });
    },
    close: () => producer.close(),
  };
}

async function connectAdmin(settings: KafkaSettings): Promise<Admin> {
  const admin = new KafkaAdmin(clientOptions(settings));
  await opened(admin, admin.metadata({ topics: [] }));
  return {
    listTopics: () => admin.listTopics(),
    async createTopics(topics) {
      for (const { topic, numPartitions: partitions, replicationFactor: replicas, configEntries } of topics) {
        try {
          await admin.createTopics({ topics: [{ topic, partitions, replicas }], configs: [...configEntries] });
        } catch (error) {
          if (!codesOf(error).includes("TOPIC_ALREADY_EXISTS")) throw error;
        }
      }
    },
    async haveLeaders(topics) {
      const metadata = await admin.metadata({ topics: [...topics], forceUpdate: true });
      return topics.every((topic) => metadata.topics.get(topic)?.partitions.every(({ leader }) => leader >= 0));
    },
    async rangesOf(topic) {
      const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true });
      const indexes = Array.from({ length: topics.get(topic)?.partitionsCount ?? 0 }, (_, partition) => partition);
      const offsetsAt = async (timestamp: bigint) => {
        const partitions = indexes.map((partitionIndex) => ({ partitionIndex, timestamp }));
        const [answer] = await admin.listOffsets({ topics: [{ name: topic, partitions }] });
        return new Map(answer?.partitions.map(({ partitionIndex, offset }) => [partitionIndex, offset]));
      };
      const [low, high] = await Promise.all([offsetsAt(earliest), offsetsAt(latest)]);
      return new Map(indexes.map((at) => [at, { low: low.get(at) ?? 0n, high: high.get(at) ?? 0n }]));
    },
    async committedBy(groupId, topics) {
      const [group] = await admin.listConsumerGroupOffsets({ groups: [groupId] });
      const asked = (group?.topics ?? []).filter(({ name }) => topics.includes(name));
      const all = asked.flatMap(({ name, partitions }) =>
        partitions.map((partition) => ({ ...partition, topic: name })),
      );
      return all
        .filter(({ committedOffset }) => committedOffset >= 0n)
        .map(({ topic, partitionIndex: partition, committedOffset: offset, metadata }) => ({
          ...{ topic, partition, offset },
          metadata: metadata ?? "",
        }));
    },
    close: () => admin.close(),
  };
}

/** It connects only when it is asked something; and a client that did not get through is of no use. */
export async function opened(client: { close(): Promise<void> }, asked: Promise<unknown>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    await Promise.allSettled([client.close()]);
    throw error;
  }
}

/** The library takes null as well, whatever its types say. */
function toBuffer(text: string | Buffer | null): Buffer {
  return typeof text === "string" ? Buffer.from(text) : (text as Buffer);
}
