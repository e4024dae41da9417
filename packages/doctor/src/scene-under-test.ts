import { demandOn, type Road, roadSettings } from "@throughline/contracts/topology";
import { migrations as eventStore } from "@throughline/event-store";
import { migrations as inbox } from "@throughline/inbox";
import { connect, openTestDatabase, testBrokers, uniqueName } from "@throughline/local/testing";
import { migrations as log } from "@throughline/log";
import { migrations as outbox } from "@throughline/outbox";
import { type Config, parseConfig } from "@throughline/service";
import { openTopology } from "@throughline/transport/topology";
import { readBroker } from "./broker-facts.ts";
import type { Scene } from "./check.ts";
import { readDatabase } from "./database-facts.ts";
import { examine } from "./examine.ts";

/** The settings of billing, which has all there is: events in and out, work, a database. */
export function configOf(env: Readonly<Record<string, string>> = {}): Config {
  const { kafka = "127.0.0.1:1", rabbitmq = "amqp://127.0.0.1:1", snsSqs } = testBrokers;
  const management = new URL(rabbitmq.replace(/^amqp/, "http"));
  management.port = String(Number(management.port) + 1);
  const addresses = {
    DATABASE_URL: "postgres://u:p@127.0.0.1:1/billing",
    KAFKA_BROKERS: kafka,
    RABBITMQ_URL: rabbitmq,
    RABBITMQ_MANAGEMENT_URL: management.href,
    SNS_SQS_ENDPOINT: snsSqs,
  };
  const roads = { publishTo: ["kafka"], consumeFrom: ["sns-sqs"], workOn: ["rabbitmq"] } as const;
  return parseConfig({ service: "billing", port: 0, ...roads }, { ...addresses, ...env });
}

/** The ids of the checks that find a fault. */
export function faultsIn(scene: Scene): string[] {
  return examine(scene).flatMap(({ check, state }) => (state === "fault" ? [check.id] : []));
}

/** A database with the tables of a service, and what the checks see of it, through the pool that a service has. */
export async function openDatabaseScene(options: { readonly url?: (url: string) => string } = {}) {
  await using opening = new AsyncDisposableStack();
  const { url, database } = opening.use(await openTestDatabase(log, eventStore, outbox, inbox));
  const opened = opening.move();
  return {
    url,
    execute: (statement: string) => database.execute(statement),
    async facts() {
      await using connection = connect((options.url ?? String)(url), 5);
      return await readDatabase({ handle: connection.database, pool: connection.pool });
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

const credentials = { accessKeyId: "any", secretAccessKey: "any" };

/** A broker with what the manifest wants of it in a namespace of its own, and what the checks see of that. */
export async function openBrokerScene(road: Road, env: Readonly<Record<string, string>> = {}) {
  const namespace = uniqueName("t");
  const config = configOf({ NAMESPACE: namespace, ...env });
  const settings = { ...roadSettings(config), snsSqs: { ...config.snsSqs, credentials } };
  const demand = demandFor(road);
  // As a developer made it, whatever the settings then say.
  const { kafka } = roadSettings(configOf());
  await using topology = await openTopology(road, { ...settings, kafka }, demand);
  await topology.apply();
  return { namespace, config, facts: () => readBroker(road, settings, demand) };
}

/** On Kafka one topic of each kind is enough: each has its partitions. */
function demandFor(road: Road) {
  const types = ["order.created", "payment.completed"];
  return road === "kafka" ? { types, groups: [{ group: "analytics", types, attempts: 3 }] } : demandOn(road);
}
