import { join } from "node:path";
import type { Broker, BrokerOptions } from "./broker.ts";
import { startKafka } from "./kafka.ts";
import { type SecureKafka, startSecureKafka } from "./kafka-secure.ts";
import { offsets } from "./ports.ts";
import { startPostgres } from "./postgres.ts";
import { findProgram } from "./program.ts";
import { startRabbitmq } from "./rabbitmq.ts";
import { startSnsSqs } from "./sns-sqs.ts";

export type { Broker, BrokerOptions, SecureKafka };
export { startKafka, startPostgres, startRabbitmq, startSecureKafka, startSnsSqs };

/** Where each broker is reached. */
export type BrokerAddresses = {
  readonly postgres: string;
  readonly snsSqs: string;
  /** Absent where the machine has no Java or Maven. */
  readonly kafka?: string;
  /** Absent where the machine has no rabbitmq-server. */
  readonly rabbitmq?: string;
};

export type BrokersOptions = Pick<BrokerOptions, "log"> & {
  /** Postgres listens 10 above, Kafka 20, RabbitMQ 30, SNS and SQS 40. */
  readonly basePort: number;
  /** Holds a folder for each broker. */
  readonly dataDir: string;
};

export type Brokers = { readonly addresses: BrokerAddresses; readonly pids: readonly number[] } & AsyncDisposable;

/** Why this machine cannot run the broker, in a sentence; undefined where it can. */
export const missing: { readonly kafka?: string; readonly rabbitmq?: string } = {
  ...(!(findProgram("java") && findProgram("mvn")) && { kafka: "Apache Kafka needs Java and Maven" }),
  ...(!findProgram("rabbitmq-server") && { rabbitmq: "RabbitMQ needs rabbitmq-server" }),
};

/** Starts, at the same time, every broker that this machine can run. Either all are up afterwards, or none is. */
export async function startBrokers({ basePort, dataDir, log }: BrokersOptions): Promise<Brokers> {
  const start = { postgres: startPostgres, snsSqs: startSnsSqs, kafka: startKafka, rabbitmq: startRabbitmq };
  const started = new Map<keyof BrokerAddresses, Broker>();
  const stop = async () => {
    await Promise.all(Array.from(started.values(), (broker) => broker[Symbol.asyncDispose]()));
  };
  const starts = (["postgres", "snsSqs", "kafka", "rabbitmq"] as const).map(async (name) => {
    if (name in missing) return;
    const options = { port: basePort + offsets[name], dataDir: join(dataDir, name), log };
    started.set(name, await start[name](options));
  });
  for (const outcome of await Promise.allSettled(starts)) {
    if (outcome.status === "fulfilled") continue;
    await stop();
    throw outcome.reason;
  }
  return {
    addresses: addressesOf(started),
    pids: Array.from(started.values(), (broker) => broker.pid),
    [Symbol.asyncDispose]: stop,
  };
}

function addressesOf(started: ReadonlyMap<keyof BrokerAddresses, Broker>): BrokerAddresses {
  const [postgres, snsSqs] = [started.get("postgres"), started.get("snsSqs")];
  if (!postgres || !snsSqs) throw new Error("Postgres and SNS/SQS run on every machine, and yet they did not start");
  const [kafka, rabbitmq] = [started.get("kafka"), started.get("rabbitmq")];
  return {
    postgres: postgres.url,
    snsSqs: snsSqs.url,
    ...(kafka && { kafka: kafka.url }),
    ...(rabbitmq && { rabbitmq: rabbitmq.url }),
  };
}
