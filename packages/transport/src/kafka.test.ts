import { testBrokers } from "@throughline/local/testing";
import { createEnvelope, type Envelope, RejectedError, runCausedBy, serializeEnvelope } from "@throughline/envelope";
import { type Consumer, Kafka, type KafkaMessage, logLevel } from "kafkajs";
import { describe, expect, test, vi } from "vitest";
import { kafkaTransport } from "./kafka.ts";
import { describeTransport, type UnderTest } from "./testing.ts";

const brokers = testBrokers.kafka?.split(",") ?? [];

describe.skipIf(brokers.length === 0 && process.env.CI !== "true")("kafka", () => {
  describeTransport("kafka", connectForTest);
});

async function connectForTest(namespace: string): Promise<UnderTest> {
  const raw = await openRaw();
  return {
    transport: kafkaTransport({ brokers, namespace, partitions: 3 }),
    probe: {
      publishRaw: (type, bytes) => raw.send(`${namespace}.${type}`, Buffer.from(bytes)),
      async deadLetters(_group, type, count) {
        const messages = await raw.read(`${namespace}.${type}.DLT`, count);
        return messages.map(({ value, headers }) => ({
          body: value ?? Buffer.alloc(0),
          reason: String(headers?.errorMessage),
        }));
      },
    },
    dispose: () => raw.close(),
  };
}

async function openRaw() {
  const kafka = new Kafka({ brokers, clientId: "raw", logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  const consumers: Consumer[] = [];
  await producer.connect();
  return {
    async send(topic: string, value: Buffer, key: string | null = null) {
      await producer.send({ topic, messages: [{ key, value }] });
    },
    async read(topic: string, count: number): Promise<readonly KafkaMessage[]> {
      const consumer = kafka.consumer({ groupId: `${topic}.reader.${Math.random()}`, maxWaitTimeInMs: 100 });
      consumers.push(consumer);
      const messages: KafkaMessage[] = [];
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({ eachMessage: async ({ message }) => void messages.push(message) });
      await vi.waitUntil(() => messages.length >= count, { timeout: 20_000 });
      return messages;
    },
    async close() {
      await Promise.all([producer.disconnect(), ...consumers.map((consumer) => consumer.disconnect())]);
    },
  };
}
