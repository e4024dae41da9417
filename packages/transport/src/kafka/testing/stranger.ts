import { uniqueName } from "@throughline/local/testing";
import { type Admin, type Consumer, type IHeaders, Kafka, type KafkaMessage, logLevel } from "kafkajs";
import { vi } from "vitest";
import "../kafkajs-timer.ts"; // Cures the timers of all connections in the process.

/** A client beside the transport, as a stranger would write it. */
export type Stranger = {
  readonly admin: Admin;
  /** Resolves once it is there. */
  createTopic(topic: string, numPartitions: number, configs?: Readonly<Record<string, string>>): Promise<void>;
  send(topic: string, value: Buffer | null, key?: string | Buffer | null, headers?: IHeaders): Promise<void>;
  /** What stands in a topic, as soon as that are `count` messages. */
  read(topic: string, count: number): Promise<readonly ReadMessage[]>;
  /** What a group has committed of a topic, in all its partitions together. */
  committed(groupId: string, topic: string): Promise<number>;
} & AsyncDisposable;

export type ReadMessage = KafkaMessage & { readonly partition: number };

export async function connectStranger(brokers: readonly string[]): Promise<Stranger> {
  const kafka = new Kafka({ brokers: [...brokers], clientId: "stranger", logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  const admin = kafka.admin();
  const consumers: Consumer[] = [];
  await Promise.all([producer.connect(), admin.connect()]);
  return {
    admin,
    async createTopic(topic, numPartitions, configs = {}) {
      const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
      const topics = [{ topic, numPartitions, configEntries }];
      await admin.createTopics({ topics, timeout: 30_000, waitForLeaders: false });
      await vi.waitUntil(async () => (await admin.listTopics()).includes(topic), { timeout: 30_000, interval: 50 });
    },
    async send(topic, value, key = null, headers = {}) {
      await producer.send({ topic, messages: [{ key, value, headers }] });
    },
    async read(topic, count) {
      const messages: ReadMessage[] = [];
      const consumer = kafka.consumer({ groupId: uniqueName("stranger-"), maxWaitTimeInMs: 100 });
      consumers.push(consumer);
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        eachMessage: async ({ message, partition }) => void messages.push({ ...message, partition }),
      });
      await vi.waitUntil(() => messages.length >= count, { timeout: 20_000 });
      return messages;
    },
    async committed(groupId, topic) {
      const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] });
      return (offsets?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([producer, admin, ...consumers].map((client) => client.disconnect()));
    },
  };
}
