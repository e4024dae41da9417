import { isIP } from "node:net";
import { compatibilityPartitioner, Producer as KafkaProducer, type SASLMechanismValue } from "@platformatic/kafka";
import type { KafkaLibrary, Producer } from "./library.ts";
import { connectAdmin } from "./platformatic-admin.ts";
import { joinGroup } from "./platformatic-member.ts";
import type { KafkaSettings } from "./settings.ts";

/**
 * @platformatic/kafka 2.12.1: TypeScript all the way, and kept.
 */
export function platformatic(settings: KafkaSettings): KafkaLibrary {
  return {
    connectProducer: () => connectProducer(settings),
    connectAdmin: () => connectAdmin(clientOptions(settings)),
    joinGroup: (membership) => joinGroup(clientOptions(settings), membership),
  };
}

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
