import { readFileSync } from "node:fs";
import { cpus, loadavg, totalmem, type } from "node:os";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { BrokerAddresses } from "@throughline/local/brokers";
import { connect } from "amqplib";
import pg from "pg";

/** What a figure must not be read without. */
export type Machine = {
  readonly processors: string;
  readonly memory: string;
  readonly system: string;
  /** Of everything that took part. */
  readonly versions: Readonly<Record<string, string>>;
  /** Share of the processors that others used just before, while nothing of ours ran: 0 to 1. */
  readonly usedByOthers: number;
  /** Load averages of 1, 5 and 15 minutes. */
  readonly load: readonly number[];
};

export async function describeMachine({ postgres, kafka, rabbitmq }: BrokerAddresses): Promise<Machine> {
  const processors = cpus();
  return {
    processors: `${processors.length} × ${processors[0]?.model.trim() ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: type(),
    versions: {
      node: process.versions.node,
      postgres: await postgresVersion(postgres),
      ...(kafka && { kafka: kafkaVersion() }),
      ...(rabbitmq && { rabbitmq: await rabbitmqVersion(rabbitmq) }),
      ...dependenciesOf("../../package.json"),
      ...dependenciesOf("../../../packages/transport/package.json", "@platformatic/kafka"),
    },
    usedByOthers: await measureUse(1_000),
    load: loadavg().map((load) => Math.round(load * 100) / 100),
  };
}

async function postgresVersion(connectionString: string): Promise<string> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query<{ server_version: string }>("show server_version");
    return rows[0]?.server_version ?? "unknown";
  } finally {
    await client.end();
  }
}

/** A broker does not tell its own; this is the one that is started here. */
function kafkaVersion(): string {
  return /<version>(.*?)</.exec(read("../../../infra/local/kafka/pom.xml"))?.[1] ?? "unknown";
}

async function rabbitmqVersion(url: string): Promise<string> {
  const model = await connect(url);
  await model.close();
  return String(model.connection.serverProperties.version);
}

function dependenciesOf(manifest: string, ...only: readonly string[]): Record<string, string> {
  const { dependencies } = JSON.parse(read(manifest)) as { readonly dependencies: Record<string, string> };
  return Object.fromEntries(Object.entries(dependencies).filter(([name]) => only.length === 0 || only.includes(name)));
}

function read(path: string): string {
  return readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");
}

async function measureUse(ms: number): Promise<number> {
  const before = times();
  await setTimeout(ms);
  const after = times();
  return Math.round((100 * (after.busy - before.busy)) / (after.all - before.all)) / 100;
}

function times(): { busy: number; all: number } {
  const sums = cpus().map(({ times: { user, nice, sys, idle, irq } }) => ({ busy: user + nice + sys + irq, idle }));
  const busy = sums.reduce((sum, cpu) => sum + cpu.busy, 0);
  return { busy, all: sums.reduce((sum, cpu) => sum + cpu.idle, busy) };
}
