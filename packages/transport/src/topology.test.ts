import { SetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { testBrokers, uniqueName } from "@throughline/local/testing";
import { connect } from "amqplib";
import { ConfigResourceTypes, Kafka, logLevel } from "kafkajs";
import { describe, expect, test, vi } from "vitest";
import { openRoad } from "./index.ts";
import type { KafkaOptions } from "./kafka.ts";
import { createStranger, account as snsSqs } from "./sns-sqs/under-test.ts";
import { differencesOf, openTopology, type Road, type TopologySettings } from "./topology.ts";

const brokers = testBrokers.kafka?.split(",") ?? [];
const rabbitmq = testBrokers.rabbitmq ?? "amqp://127.0.0.1:1";
type Place = { readonly name: string; readonly road: Road; readonly kafka?: Partial<KafkaOptions> };
const clients = testBrokers.kafka || process.env.CI ? (["kafkajs", "platformatic"] as const) : [];
const places: readonly Place[] = [
  { name: "sns-sqs", road: "sns-sqs" },
  { name: "sns-sqs-fifo", road: "sns-sqs-fifo" },
  ...clients.map((client) => ({ name: `kafka by ${client}`, road: "kafka" as const, kafka: { client } })),
  ...(testBrokers.rabbitmq || process.env.CI ? [{ name: "rabbitmq", road: "rabbitmq" as const }] : []),
];

test.concurrent.for(places)("on $name, what is missing is made, and then nothing is out of step", async (place) => {
  await using broker = await open(place);
  expect(await broker.verdicts()).toEqual(broker.declared.map(({ name }) => `${name}: missing`));
  await broker.apply();
  expect(await broker.verdicts()).toEqual([]);
  expect((await broker.look()).others).toEqual([]);
});

test.concurrent.for(places)(
  "on $name, a service that starts finds all as it wants it, and what it makes is in step",
  async (place) => {
    await using broker = await open(place);
    await broker.serve();
    expect(await broker.verdicts()).toEqual([]);
    await broker.apply();
    await broker.serve();
    expect(await broker.verdicts()).toEqual([]);
  },
);

test.concurrent.for(places)("on $name, what the manifest no longer has is named, and stays", async (place) => {
  await using broker = await open(place);
  await broker.serve("stock.reserved");
  await broker.apply();
  const { others } = await broker.look();
  expect(
    others.some((name) => name.includes(place.road.startsWith("sns-sqs") ? "stock-reserved" : "stock.reserved")),
  ).toBe(true);
});

test.concurrent.for(places)("a look at $name that is away is an error, and soon", async ({ road, kafka }) => {
  const nowhere = "127.0.0.1:9";
  await using broker = await openTopology(
    road,
    {
      namespace: "t",
      kafka: { ...kafka, brokers: [nowhere] },
      snsSqs: { ...snsSqs, endpoint: `http://${nowhere}` },
      rabbitmqManagementUrl: `http://${nowhere}`,
    },
    { types: ["order.created"], groups: [] },
  );
  await expect(broker.look()).rejects.toThrow();
});

describe.each(clients)("on Kafka, by %s", (client) => {
  const road = "kafka";

  test.concurrent("this library asks, and not the other", async () => {
    const kafka = { client, brokers: ["127.0.0.1:9"] };
    await using broker = await openTopology(road, { namespace: "t", kafka }, { types: ["order.created"], groups: [] });
    const isKafkajs = client === "kafkajs";
    await expect(broker.look()).rejects.toSatisfy(({ cause }) => /^KafkaJS/.test(cause.name) === isKafkajs);
  });

  test.concurrent("the cluster tells how long it keeps the places of groups", async () => {
    await using broker = await open({ road, kafka: { client } });
    const minutes = expect.stringMatching(/^\d+$/);
    expect(await broker.cluster?.()).toEqual({ brokers: "1", "offsets.retention.minutes": minutes });
  });

  test.concurrent("a retention that somebody changed is set back, and what he set beside it stays", async () => {
    await using broker = await open({ road, kafka: { client } });
    await broker.apply();
    const name = `${broker.namespace}.order.created`;
    await using kafka = await kafkaAdmin();
    const entries = { "retention.ms": "1000", "min.insync.replicas": "1", "cleanup.policy": "compact" };
    await kafka.alter(name, entries);
    await vi.waitUntil(async () => (await broker.verdicts()).join() === `${name}: retention.ms`, { timeout: 10_000 });
    await broker.apply();
    expect(await broker.verdicts()).toEqual([]);
    expect(await kafka.configOf(name, "cleanup.policy")).toBe("compact");
  });

  test.concurrent("partitions are added and never taken away", async () => {
    await using few = await open({ road, kafka: { client, partitions: 2 } });
    await few.apply();
    await using many = await open({ road, kafka: { client, partitions: 4 } }, few.namespace);
    expect(await many.verdicts()).toEqual([`${few.namespace}.order.created: partitions`]);
    await many.apply();
    expect(await many.verdicts()).toEqual([]);
    await expect(few.apply()).rejects.toThrow("4 partitions instead of 2, and Kafka takes none away");
  });

  test.concurrent("copies that are too few are named with the way to more", async () => {
    await using one = await open({ road, kafka: { client } });
    await one.apply();
    await using three = await open({ road, kafka: { client, replicationFactor: 3 } }, one.namespace);
    await expect(three.apply()).rejects.toThrow(/has 1 copies .* instead of 3: move them with kafka-reassign/);
  });
});

describe("on SNS and SQS", () => {
  test.concurrent("a time-out that somebody changed is set back", async () => {
    await using broker = await open({ road: "sns-sqs" });
    await broker.apply();
    using stranger = createStranger(broker.namespace);
    const QueueUrl = await stranger.queueUrl("billing");
    await stranger.sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { VisibilityTimeout: "30" } }));
    expect(await broker.verdicts()).toEqual([`${broker.namespace}-billing: VisibilityTimeout`]);
    await broker.apply();
    expect(await broker.verdicts()).toEqual([]);
  });

  test.concurrent("a policy that names the topics one by one stays, while it names them all", async () => {
    await using broker = await open({ road: "sns-sqs" });
    await broker.apply();
    using stranger = createStranger(broker.namespace);
    const QueueUrl = await stranger.queueUrl("billing");
    const policyFor = (type: string) =>
      JSON.stringify({
        Version: "2012-10-17",
        Statement: {
          Sid: "ThroughlineTopics",
          Effect: "Allow",
          Principal: { Service: "sns.amazonaws.com" },
          Action: "sqs:SendMessage",
          Resource: "*",
          Condition: {
            ArnEquals: { "aws:SourceArn": [`arn:aws:sns:us-east-1:000000000000:${broker.namespace}-${type}`] },
            StringEquals: { "aws:SourceAccount": "000000000000" },
          },
        },
      });
    const set = (Policy: string) =>
      stranger.sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy } }));
    await set(policyFor("order-created"));
    await broker.apply();
    expect((await stranger.attributesOf("billing")).Policy).toBe(policyFor("order-created"));
    await set(policyFor("order-cancelled"));
    expect(await broker.verdicts()).toEqual([`${broker.namespace}-billing: admits`]);
    await broker.apply();
    expect(await broker.verdicts()).toEqual([]);
  });
});

describe.runIf(places.some(({ road }) => road === "rabbitmq"))("on RabbitMQ", () => {
  test.concurrent("a queue with other arguments is named with the way out, and the rest is made", async () => {
    await using broker = await open({ road: "rabbitmq" });
    const model = await connect(rabbitmq);
    const channel = await model.createChannel();
    const name = `${broker.namespace}.billing`;
    await channel.assertQueue(name, { durable: true, arguments: { "x-queue-type": "quorum", "x-delivery-limit": 3 } });
    await expect(broker.apply()).rejects.toThrow(`RabbitMQ cannot change the queue ${name}: empty and delete it`);
    const verdicts = await broker.verdicts();
    expect(verdicts).toHaveLength(1);
    expect(verdicts[0]).toContain(`${name}: x-delivery-limit`);
    await channel.deleteQueue(name);
    await model.close();
  });

  test.concurrent("a binding that is gone is missed", async () => {
    await using broker = await open({ road: "rabbitmq" });
    await broker.apply();
    const model = await connect(rabbitmq);
    const channel = await model.createChannel();
    const [queue, exchange] = [`${broker.namespace}.billing`, `${broker.namespace}.events`];
    await channel.unbindQueue(queue, exchange, "order.created");
    expect(await broker.verdicts()).toEqual([`${exchange} → ${queue} (order.created): missing`]);
    await model.close();
  });
});

/** One group that listens to one type, in a namespace of its own. */
async function open({ road, kafka }: Omit<Place, "name">, ns = uniqueName("t")) {
  const management = new URL(rabbitmq.replace(/^amqp/, "http"));
  management.port = String(Number(management.port) + 1);
  const settings: TopologySettings = {
    namespace: ns,
    kafka: { brokers, ...kafka },
    snsSqs,
    rabbitmq: { url: rabbitmq },
    rabbitmqManagementUrl: management.href,
    work: { types: ["payment.requested"], priority: () => 4 },
  };
  const types = ["order.created"];
  const topology = await openTopology(road, settings, { types, groups: [{ group: "billing", types, attempts: 3 }] });
  return {
    ...topology,
    namespace: ns,
    async verdicts() {
      const { standings } = await topology.look();
      return standings.flatMap((standing) => {
        const differences = differencesOf(standing);
        if (differences?.length === 0) return [];
        return [`${standing.declared.name}: ${differences?.join(", ") ?? "missing"}`];
      });
    },
    /** Subscribes as a service does, and leaves. */
    async serve(...more: string[]) {
      const transport = await openRoad(road, settings);
      await using subscriber = await transport.connectSubscriber();
      await subscriber.subscribe({ group: "billing", types: [...types, ...more], handler: async () => {} });
    },
    async [Symbol.asyncDispose]() {
      await topology[Symbol.asyncDispose]();
      if (road === "rabbitmq") await removeFrom(ns);
    },
  };
}

async function removeFrom(namespace: string): Promise<void> {
  const model = await connect(rabbitmq);
  const channel = await model.createChannel();
  for (const queue of ["billing", "billing.dlq"]) await channel.deleteQueue(`${namespace}.${queue}`);
  for (const exchange of ["events", "work", "dead"]) await channel.deleteExchange(`${namespace}.${exchange}`);
  await model.close();
}

async function kafkaAdmin() {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const type = ConfigResourceTypes.TOPIC;
  return {
    async alter(name: string, values: Readonly<Record<string, string>>) {
      const configEntries = Object.entries(values).map(([entry, value]) => ({ name: entry, value }));
      await admin.alterConfigs({ validateOnly: false, resources: [{ type, name, configEntries }] });
    },
    async configOf(name: string, entry: string) {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type, name, configNames: [entry] }],
      });
      return resources[0]?.configEntries[0]?.configValue;
    },
    [Symbol.asyncDispose]: () => admin.disconnect(),
  };
}
