import { join } from "node:path";
import type { Broker, BrokerOptions } from "./broker.ts";
import { startKafka } from "./kafka.ts";
import { type SecureKafka, startSecureKafka } from "./kafka-secure.ts";
import { offsets } from "./ports.ts";
import { type PostgresOptions, startPostgres } from "./postgres.ts";
import { findProgram } from "./program.ts";
import { startRabbitmq } from "./rabbitmq.ts";
import { startSnsSqs } from "./sns-sqs.ts";
import { createSwitch, type Switch } from "./switch.ts";

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

export type BrokersOptions = Pick<PostgresOptions, "log" | "fsync"> & {
  /** Postgres listens 10 above, Kafka 20, RabbitMQ 30, SNS and SQS 40. */
  readonly basePort: number;
  /** Holds a folder for each broker. */
  readonly dataDir: string;
};

export type Brokers = {
  readonly addresses: BrokerAddresses;
  readonly pids: readonly number[];
  /** Of those that a person may stop and start. */
  readonly switches: { readonly kafka?: Switch; readonly rabbitmq?: Switch };
} & AsyncDisposable;

/** Why this machine cannot run the broker, in a sentence; undefined where it can. */
export const missing: { readonly kafka?: string; readonly rabbitmq?: string } = {
  ...(!(findProgram("java") && findProgram("mvn")) && { kafka: "Apache Kafka needs Java and Maven" }),
  ...(!findProgram("rabbitmq-server") && { rabbitmq: "RabbitMQ needs rabbitmq-server" }),
};

/** Starts, at the same time, every broker that this machine can run. Either all are up afterwards, or none is. */
export async function startBrokers({ basePort, dataDir, ...options }: BrokersOptions): Promise<Brokers> {
  const start = { postgres: startPostgres, snsSqs: startSnsSqs, kafka: startKafka, rabbitmq: startRabbitmq };
  const names = (["postgres", "snsSqs", "kafka", "rabbitmq"] as const).filter((name) => !(name in missing));
  const startOne = (name: keyof BrokerAddresses): Promise<Broker> =>
    start[name]({ port: basePort + offsets[name], dataDir: join(dataDir, name), ...options });
  const started = new Map<keyof BrokerAddresses, Broker>();
  const switches = new Map<string, Switch>();
  const stop = async () => {
    await Promise.all(Array.from(switches.values(), (each) => each[Symbol.asyncDispose]()));
  };
  const outcomes = await Promise.allSettled(
    names.map(async (name) => {
      const broker = await startOne(name);
      started.set(name, broker);
      switches.set(
        name,
        createSwitch(broker, () => startOne(name)),
      );
    }),
  );
  for (const outcome of outcomes) {
    if (outcome.status === "fulfilled") continue;
    await stop();
    throw outcome.reason;
  }
  const [kafka, rabbitmq] = [switches.get("kafka"), switches.get("rabbitmq")];
  return {
    addresses: addressesOf(started),
    pids: Array.from(started.values(), (broker) => broker.pid),
    switches: { ...(kafka && { kafka }), ...(rabbitmq && { rabbitmq }) },
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
