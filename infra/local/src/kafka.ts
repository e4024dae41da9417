import { execFile } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Broker, BrokerOptions } from "./broker.ts";
import { startChild } from "./child.ts";
import { kafkaJars } from "./kafka-jars.ts";

export type KafkaAdditions = {
  /** Ports that it listens on besides its own, by the name of the listener. */
  readonly listeners: Readonly<Record<string, number>>;
  readonly settings: Readonly<Record<string, string>>;
  /** Arguments of the storage tool, which writes the first records of the cluster. */
  readonly format: readonly string[];
};

/** Apache Kafka as one node that is broker and controller; the controller listens on the port above. */
export async function startKafka(
  { port, dataDir, log }: BrokerOptions,
  { listeners, settings: more, format: formatMore }: KafkaAdditions = { listeners: {}, settings: {}, format: [] },
): Promise<Broker> {
  mkdirSync(dataDir, { recursive: true });
  const properties = join(dataDir, "server.properties");
  const data = join(dataDir, "data");
  writeFileSync(
    properties,
    Object.entries({ ...settings(port, data, listeners), ...more })
      .map(([key, value]) => `${key}=${value}\n`)
      .join(""),
  );
  const java = ["-cp", join(await kafkaJars(log), "*"), `-Dlog4j2.configurationFile=${logging}`];
  if (!existsSync(join(data, "meta.properties"))) {
    const format = [
      "format",
      "--ignore-formatted",
      "--cluster-id",
      "dGhyb3VnaGxpbmUtbG9jYQ",
      "--config",
      properties,
      ...formatMore,
    ];
    await promisify(execFile)("java", [...java, ...small, "kafka.tools.StorageTool", ...format]);
  }
  const kafka = await startChild(
    {
      name: "Apache Kafka",
      command: "java",
      args: ["-Xmx384m", "-Xms192m", ...java, ...small, "kafka.Kafka", properties],
      ports: [port, port + 1, ...Object.values(listeners)],
      ready: /Kafka Server started/,
    },
    { dataDir, log },
  );
  return { ...kafka, url: `127.0.0.1:${port}` };
}

const logging = fileURLToPath(new URL("../kafka/log4j2.properties", import.meta.url));
const small = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"];

function settings(port: number, data: string, listeners: Readonly<Record<string, number>>) {
  const forClients = Object.entries({ PLAINTEXT: port, ...listeners }).map(([name, at]) => `${name}://127.0.0.1:${at}`);
  return {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${port + 1}`,
    "controller.listener.names": "CONTROLLER",
    listeners: [...forClients, `CONTROLLER://127.0.0.1:${port + 1}`].join(","),
    "advertised.listeners": forClients.join(","),
    "log.dirs": data,
    "auto.create.topics.enable": "false",
    "default.replication.factor": 1,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 3,
    // As long as the longest topic keeps its messages: 90 days.
    "offsets.retention.minutes": 129_600,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    "log.cleaner.dedupe.buffer.size": 2_097_152,
  };
}
