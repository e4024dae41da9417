import {
  CreateTopicCommand,
  ListSubscriptionsByTopicCommand,
  SetSubscriptionAttributesCommand,
  SNSClient,
  SubscribeCommand,
} from "@aws-sdk/client-sns";
import { DeleteQueueCommand, GetQueueUrlCommand, SetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { testBrokers, uniqueName } from "@throughline/local/testing";
import { connect } from "amqplib";
import kafkajs from "kafkajs";
import { describe, expect, test, vi } from "vitest";
import { configOf, faultsIn, openBrokerScene } from "./scene-under-test.ts";

const { kafka, rabbitmq, snsSqs } = testBrokers;

describe("on SNS and SQS", () => {
  test.concurrent("what the manifest declares holds", async () => {
    const { config, facts } = await openBrokerScene("sns-sqs");
    expect(faultsIn({ config, snsSqs: await facts() })).toEqual([]);
  });

  test.concurrent.for([
    ["sqs-visibility", { VisibilityTimeout: "30" }],
    ["sqs-attempts", { RedrivePolicy: { maxReceiveCount: 1 } }],
    [
      "sqs-dead-letter-queue",
      { RedrivePolicy: { deadLetterTargetArn: "arn:aws:sqs:us-east-1:000000000000:elsewhere" } },
    ],
    ["sqs-dead-letter-retention", { dlq: { MessageRetentionPeriod: "3600" } }],
    ["sns-admission", { Policy: '{"Version":"2012-10-17","Statement":[]}' }],
  ] as const)("%s finds %o", async ([id, changed]) => {
    const { config, namespace, facts } = await openBrokerScene("sns-sqs");
    await change(`${namespace}-billing`, changed);
    expect(faultsIn({ config, snsSqs: await facts() })).toEqual(["sns-sqs-in-step", id]);
  });

  test.concurrent("dead letters that are kept for longer than an inbox remembers are a contradiction", async () => {
    const { config, facts } = await openBrokerScene("sns-sqs");
    const ids = faultsIn({ config, snsSqs: await facts(), database: forgetful });
    expect(ids).toEqual(["inbox-retention", "sqs-dead-letter-retention"]);
  });

  test.concurrent("a dead-letter queue that is gone is a contradiction", async () => {
    const { config, namespace, facts } = await openBrokerScene("sns-sqs");
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: `${namespace}-billing-dlq` }));
    await sqs.send(new DeleteQueueCommand({ QueueUrl }));
    expect(faultsIn({ config, snsSqs: await facts() })).toEqual(["sns-sqs-in-step", "sqs-dead-letter-queue"]);
  });

  test.concurrent.for([
    [["sns-sqs-in-step", "sns-raw-delivery"], "RawMessageDelivery", "false"],
    [["sns-filter"], "FilterPolicy", '{"tenantId":["t-1"]}'],
    [[], "FilterPolicy", '{"schemaVersion":["1"],"tenantId":[{"exists":false}]}'],
  ] as const)("%o is found where a subscription has %s %s", async ([ids, AttributeName, AttributeValue]) => {
    const { config, namespace, facts } = await openBrokerScene("sns-sqs");
    const SubscriptionArn = await subscribe(`${namespace}-order-created`, `${namespace}-billing`);
    await sns.send(new SetSubscriptionAttributesCommand({ SubscriptionArn, AttributeName, AttributeValue }));
    expect(faultsIn({ config, snsSqs: await facts() })).toEqual(ids);
  });

  test.concurrent("a queue that hears from another environment is a contradiction", async () => {
    const { config, namespace, facts } = await openBrokerScene("sns-sqs");
    const stranger = `${uniqueName("other")}-order-created`;
    await sns.send(new CreateTopicCommand({ Name: stranger }));
    await subscribe(stranger, `${namespace}-billing`);
    expect(faultsIn({ config, snsSqs: await facts() })).toEqual(["sns-namespace"]);
  });

  test.concurrent("clocks that are apart are suspicious", async () => {
    const { config, facts } = await openBrokerScene("sns-sqs");
    const seen = await facts();
    expect(Math.abs(seen.clockAheadMs ?? Number.NaN)).toBeLessThan(5_000);
    expect(faultsIn({ config, snsSqs: { ...seen, clockAheadMs: 60_000 } })).toEqual(["clock-sqs"]);
  });
});

describe.runIf(kafka || process.env.CI)("on Kafka", () => {
  /** The broker of the tests keeps places for seven days, as Kafka does by default, and payments are kept for 90. */
  const known = "kafka-offsets";

  test("a place that is kept for a shorter time than the messages is suspicious", async () => {
    const { config, facts } = await openBrokerScene("kafka");
    const seen = await facts();
    const days = (minutes: number) => ({
      ...seen,
      cluster: { "offsets.retention.minutes": String(minutes * 24 * 60) },
    });
    expect(Number(seen.cluster["offsets.retention.minutes"])).toBeGreaterThan(0);
    expect(faultsIn({ config, kafka: days(90) })).toEqual([]);
    expect(faultsIn({ config, kafka: days(7) })).toEqual([known]);
  });

  test.for([
    ["kafka-confirmations", "order.created", { "min.insync.replicas": "2" }],
    ["kafka-dead-letter-size", "order.created.DLT", { "max.message.bytes": "1048588" }],
    ["kafka-dead-letter-retention", "order.created.DLT", { "retention.ms": String(40 * 86_400_000) }],
  ] as const)("%s finds %s with %o", async ([id, type, changed]) => {
    const { config, namespace, facts } = await openBrokerScene("kafka");
    await alterTopic(`${namespace}.${type}`, changed);
    await vi.waitFor(async () => expect(faultsIn({ config, kafka: await facts() })).toContain(id), { timeout: 20_000 });
  });

  test("dead letters that are kept for longer than an inbox remembers are a contradiction", async () => {
    const { config, facts } = await openBrokerScene("kafka");
    const ids = faultsIn({ config, kafka: await facts(), database: forgetful });
    expect(ids.filter((id) => id !== known)).toEqual(["inbox-retention", "kafka-dead-letter-retention"]);
  });

  test("a dead-letter topic that is gone, or smaller than declared, is a contradiction", async () => {
    const { config, namespace, facts } = await openBrokerScene("kafka");
    const [id, name] = ["kafka-dead-letter-topic", `${namespace}.order.created.DLT`];
    const seen = await facts();
    const larger = { declared: { partitions: "2" }, found: seen.found.get(name)?.found };
    const smaller = { ...seen, found: new Map([...seen.found, [name, larger]]) };
    expect(faultsIn({ config, kafka: seen })).not.toContain(id);
    expect(faultsIn({ config, kafka: smaller })).toContain(id);
    await withAdmin((admin) => admin.deleteTopics({ topics: [name] }));
    await vi.waitFor(async () => expect(faultsIn({ config, kafka: await facts() })).toContain(id), { timeout: 20_000 });
  });

  test("one copy is a contradiction in production", async () => {
    const { config, facts } = await openBrokerScene("kafka", { TOPOLOGY: "production" });
    expect(faultsIn({ config, kafka: await facts() })).toEqual(
      expect.arrayContaining(["kafka-in-step", "kafka-copies"]),
    );
  });

  test("three copies of which one confirms are a contradiction", async () => {
    const { config, facts } = await openBrokerScene("kafka");
    const seen = await facts();
    const [[name, topic] = []] = [...seen.found];
    const three = { ...topic?.found, replicationFactor: "3", "min.insync.replicas": "1" };
    const found = new Map([[name ?? "", { declared: {}, found: three }]]);
    expect(faultsIn({ config, kafka: { ...seen, cluster: { "offsets.retention.minutes": "200000" }, found } })).toEqual(
      ["kafka-unconfirmed"],
    );
  });
});

describe.runIf(rabbitmq || process.env.CI)("on RabbitMQ", () => {
  test("what the manifest declares holds, and what contradicts it is found", async () => {
    const { config, namespace, facts } = await openBrokerScene("rabbitmq");
    const model = await connect(rabbitmq ?? "");
    const channel = await model.createChannel();
    try {
      expect(faultsIn({ config, rabbitmq: await facts() })).toEqual([]);
      const queue = `${namespace}.billing.work`;
      const stranger = `${uniqueName("other")}.work`;
      await channel.assertExchange(stranger, "direct", { autoDelete: true });
      await channel.bindQueue(queue, stranger, "payment.requested");
      expect(faultsIn({ config, rabbitmq: await facts() })).toEqual(["rabbitmq-namespace"]);
      // The exchange goes with its last binding.
      await channel.unbindQueue(queue, stranger, "payment.requested");
      await channel.unbindQueue(`${queue}.dlq`, `${namespace}.dead`, queue);
      expect(faultsIn({ config, rabbitmq: await facts() })).toEqual(["rabbitmq-in-step", "rabbitmq-dead-letters"]);

      await channel.deleteQueue(queue);
      const arguments_ = {
        "x-queue-type": "quorum",
        "x-delivery-limit": 5,
        "x-dead-letter-exchange": `${namespace}.dead`,
      };
      await channel.assertQueue(queue, { durable: true, arguments: arguments_ });
      expect(faultsIn({ config, rabbitmq: await facts() })).toContain("rabbitmq-delivery-limit");
      expect(faultsIn({ config, rabbitmq: { ...(await facts()), clockAheadMs: -60_000 } })).toContain("clock-rabbitmq");
    } finally {
      for (const name of ["billing.work", "billing.work.dlq"]) await channel.deleteQueue(`${namespace}.${name}`);
      for (const name of ["events", "work", "dead"]) await channel.deleteExchange(`${namespace}.${name}`);
      await model.close();
    }
  });
});

test("every broker could be looked at", () => {
  expect(configOf().snsSqs.endpoint).toBe(snsSqs);
});

/** All is well with it, but that its inbox remembers for 20 days alone. */
const forgetful = {
  ...{ isolation: "read committed", idleInTransactionMs: 60_000, connections: 100, clockAheadMs: 0 },
  ...{ losesSessions: false, brokenLogs: [], destinations: [], inboxDays: 20 },
};

const account = {
  endpoint: snsSqs,
  region: "us-east-1",
  credentials: { accessKeyId: "any", secretAccessKey: "any" },
};
const sns = new SNSClient(account);
const sqs = new SQSClient({ ...account, useQueueUrlAsEndpoint: false });

type Change = {
  readonly dlq?: Readonly<Record<string, string>>;
  readonly RedrivePolicy?: object;
  readonly [attribute: string]: string | object | undefined;
};

async function change(queue: string, { dlq, RedrivePolicy, ...attributes }: Change): Promise<void> {
  const account = "arn:aws:sqs:us-east-1:000000000000";
  const policy = { deadLetterTargetArn: `${account}:${queue}-dlq`, maxReceiveCount: 3, ...RedrivePolicy };
  const Attributes = { ...(attributes as Record<string, string>), RedrivePolicy: JSON.stringify(policy) };
  await setAttributes(queue, Attributes);
  if (dlq) await setAttributes(`${queue}-dlq`, dlq);
}

/** Returns the ARN of the subscription, which may be there already. */
async function subscribe(topic: string, queue: string): Promise<string> {
  const [TopicArn, Endpoint] = [
    `arn:aws:sns:us-east-1:000000000000:${topic}`,
    `arn:aws:sqs:us-east-1:000000000000:${queue}`,
  ];
  const { Subscriptions = [] } = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
  const known = Subscriptions.find((subscription) => subscription.Endpoint === Endpoint);
  if (known?.SubscriptionArn) return known.SubscriptionArn;
  const { SubscriptionArn = "" } = await sns.send(new SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint }));
  return SubscriptionArn;
}

async function setAttributes(QueueName: string, Attributes: Record<string, string>): Promise<void> {
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName }));
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }));
}

async function alterTopic(name: string, values: Readonly<Record<string, string>>): Promise<void> {
  const configEntries = Object.entries(values).map(([entry, value]) => ({ name: entry, value }));
  const type = kafkajs.ConfigResourceTypes.TOPIC;
  await withAdmin((admin) => admin.alterConfigs({ validateOnly: false, resources: [{ type, name, configEntries }] }));
}

async function withAdmin(work: (admin: kafkajs.Admin) => Promise<unknown>): Promise<void> {
  const admin = new kafkajs.Kafka({ brokers: kafka?.split(",") ?? [], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  await work(admin);
  await admin.disconnect();
}
