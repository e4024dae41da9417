import {
  GetSubscriptionAttributesCommand,
  ListSubscriptionsByTopicCommand,
  SetSubscriptionAttributesCommand,
} from "@aws-sdk/client-sns";
import { CreateQueueCommand, SetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { createEnvelope, serializeEnvelope } from "@throughline/envelope";
import { uniqueName } from "@throughline/local/testing";
import { expect, test } from "vitest";
import { type Answer, startFaultProxy } from "./fault-proxy.ts";
import { account, snsSqsUnderTest } from "./under-test.ts";

const theirs = { Sid: "DenyPlainText", Effect: "Deny", Action: "sqs:*", Principal: "*", Resource: "*" };
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

test.concurrent("a stranger finds the envelope as body, and what to route by as attributes", async () => {
  await using broker = openBroker();
  await broker.subscribe("billing.work", ["payment.requested"]);
  const envelope = createEnvelope(
    { type: "payment.requested", version: "2", key: "order-1", data: { note: "Grüße 🛒" } },
    { source: "billing-service", traceparent },
  );
  await broker.publish([envelope]);

  const [message] = await broker.stranger.take("billing-work", 1);
  expect(message?.Body).toBe(serializeEnvelope(envelope));
  expect(message?.MessageAttributes).toEqual({
    eventType: { DataType: "String", StringValue: "payment.requested" },
    schemaVersion: { DataType: "String", StringValue: "2" },
    correlationId: { DataType: "String", StringValue: envelope.correlationId },
    traceparent: { DataType: "String", StringValue: traceparent },
  });
});

test.concurrent("a queue has its visibility, long polling, three receives and 14 days, as its dead letters have", async () => {
  await using broker = openBroker();
  await broker.subscribe("billing", ["order.created"]);

  const queue = await broker.stranger.attributesOf("billing");
  const deadLetters = await broker.stranger.attributesOf("billing-dlq");
  expect(queue).toMatchObject({
    VisibilityTimeout: "180",
    ReceiveMessageWaitTimeSeconds: "20",
    MessageRetentionPeriod: "1209600",
  });
  expect(JSON.parse(queue.RedrivePolicy ?? "")).toEqual({
    deadLetterTargetArn: deadLetters.QueueArn,
    maxReceiveCount: 3,
  });
  expect(deadLetters).toMatchObject({ MessageRetentionPeriod: "1209600" });
});

test.concurrent("a queue takes messages from the topics of its namespace", async () => {
  await using broker = openBroker();
  await broker.subscribe("billing", ["order.created"]);

  const { Policy = "", QueueArn } = await broker.stranger.attributesOf("billing");
  expect(JSON.parse(Policy).Statement).toEqual([
    {
      Sid: "ThroughlineTopics",
      Effect: "Allow",
      Principal: { Service: "sns.amazonaws.com" },
      Action: "sqs:SendMessage",
      Resource: QueueArn,
      Condition: { ArnLike: { "aws:SourceArn": `arn:aws:sns:us-east-1:000000000000:${broker.namespace}-*` } },
    },
  ]);
});

test.concurrent("a queue that differs is brought to what is declared, and keeps the rest", async () => {
  await using broker = openBroker();
  await broker.stranger.sqs.send(
    new CreateQueueCommand({
      QueueName: `${broker.namespace}-billing`,
      Attributes: {
        VisibilityTimeout: "60",
        MessageRetentionPeriod: "3600",
        MaximumMessageSize: "2048",
        Policy: JSON.stringify({ Version: "2012-10-17", Statement: theirs }),
      },
    }),
  );
  await broker.subscribe("billing", ["order.created"]);

  const queue = await broker.stranger.attributesOf("billing");
  expect(queue).toMatchObject({
    VisibilityTimeout: "180",
    MessageRetentionPeriod: "1209600",
    MaximumMessageSize: "2048",
  });
  expect(JSON.parse(queue.RedrivePolicy ?? "")).toMatchObject({ maxReceiveCount: 3 });
  expect(JSON.parse(queue.Policy ?? "").Statement).toMatchObject([theirs, { Sid: "ThroughlineTopics" }]);
});

test.concurrent("declaring the same again changes nothing, also where the policy has further statements", async () => {
  await using proxy = await startFaultProxy(account.endpoint);
  await using broker = openBroker({ endpoint: proxy.url });
  await broker.subscribe("billing", ["order.created"]);
  const { stranger } = broker;
  const { Policy = "" } = await stranger.attributesOf("billing");
  const { Statement } = JSON.parse(Policy);
  const Attributes = { Policy: JSON.stringify({ Statement: [theirs, ...Statement], Version: "2012-10-17" }) };
  await stranger.sqs.send(new SetQueueAttributesCommand({ QueueUrl: await stranger.queueUrl("billing"), Attributes }));
  await broker.subscribe("billing", ["order.created"]);
  expect(proxy.calls.filter(({ action }) => action.startsWith("Set"))).toEqual([]);
});

test.concurrent("what SNS cannot deliver goes to a queue of its own, for 14 days", async () => {
  await using broker = openBroker();
  await broker.subscribe("billing", ["order.created"]);
  const undelivered = await broker.stranger.attributesOf("billing-undelivered");
  expect(undelivered).toMatchObject({ MessageRetentionPeriod: "1209600" });
  expect(JSON.parse(undelivered.Policy ?? "").Statement).toMatchObject([{ Sid: "ThroughlineTopics", Effect: "Allow" }]);
  expect(JSON.parse((await broker.subscriptionTo("order-created")).RedrivePolicy ?? "")).toEqual({
    deadLetterTargetArn: undelivered.QueueArn,
  });
});

test.concurrent("a subscription that is older than that queue gets it", async () => {
  await using broker = openBroker();
  await broker.subscribe("billing", ["order.created"]);
  await broker.changeSubscription("order-created", "RedrivePolicy", "");
  await broker.subscribe("billing", ["order.created"]);
  expect((await broker.subscriptionTo("order-created")).RedrivePolicy).toContain("billing-undelivered");
});

test.concurrent("a role that may only read declares what is there already", async () => {
  await using proxy = await startFaultProxy(account.endpoint);
  await using broker = openBroker({ endpoint: proxy.url });
  await broker.subscribe("billing", ["order.created"]);
  proxy.intercept = ({ action }) => (/^(CreateQueue|Set)/.test(action) ? denied(action) : undefined);
  await broker.subscribe("billing", ["order.created"]);
});

test.concurrent("what this role may not make is named, with who can", async () => {
  await using proxy = await startFaultProxy(account.endpoint);
  await using broker = openBroker({ endpoint: proxy.url });
  proxy.intercept = ({ action }) => (action === "CreateQueue" ? denied(action) : undefined);
  await expect(broker.subscribe("billing", ["order.created"])).rejects.toThrow(
    /^Queue \S+-billing-\S+ cannot be declared: no right to CreateQueue\. It belongs to somebody else, or this role may not/,
  );
});

test.concurrent("a queue whose dead letters go elsewhere is an error with the way out, and stays as it is", async () => {
  await using broker = openBroker();
  const { sqs } = broker.stranger;
  await sqs.send(new CreateQueueCommand({ QueueName: `${broker.namespace}-theirs` }));
  const RedrivePolicy = JSON.stringify({
    deadLetterTargetArn: `arn:aws:sqs:us-east-1:000000000000:${broker.namespace}-theirs`,
    maxReceiveCount: 5,
  });
  await sqs.send(new CreateQueueCommand({ QueueName: `${broker.namespace}-billing`, Attributes: { RedrivePolicy } }));
  await expect(broker.subscribe("billing", ["order.created"])).rejects.toThrow(
    /-billing sends its dead letters to \S+-theirs, where nobody would see them.*set its RedrivePolicy to that, or remove it/,
  );
  expect((await broker.stranger.attributesOf("billing")).RedrivePolicy).toBe(RedrivePolicy);
});

test.concurrent("a subscription whose dead letters go elsewhere is an error with the way out", async () => {
  await using broker = openBroker();
  await broker.subscribe("billing", ["order.created"]);
  const theirs = JSON.stringify({ deadLetterTargetArn: "arn:aws:sqs:us-east-1:000000000000:theirs" });
  await broker.changeSubscription("order-created", "RedrivePolicy", theirs);
  await expect(broker.subscribe("billing", ["order.created"])).rejects.toThrow(
    /The subscription to \S+-order-created cannot be declared: \S+ sends its dead letters to \S+:theirs/,
  );
});

test.concurrent("a filter that somebody gave a subscription stays, and is told by our attributes what to let through", async () => {
  await using broker = openBroker();
  await broker.subscribe("billing", ["order.created"]);
  const versionOne = JSON.stringify({ schemaVersion: ["1"] });
  await broker.changeSubscription("order-created", "FilterPolicy", versionOne);
  await broker.subscribe("billing", ["order.created"]);
  expect(await broker.subscriptionTo("order-created")).toMatchObject({
    RawMessageDelivery: "true",
    FilterPolicy: versionOne,
  });
  const inVersion = (version: string) =>
    createEnvelope({ type: "order.created", version, key: "order-1", data: {} }, { source: "test" });
  const [second, first] = [inVersion("2"), inVersion("1")];
  await broker.publish([second, first]);
  expect(await broker.stranger.take("billing", 1)).toMatchObject([{ Body: serializeEnvelope(first) }]);
  expect((await broker.transport.backlog("billing", ["order.created"])).waiting).toBe(0);
});

test.concurrent("a name that AWS would refuse is named before anything is declared", async () => {
  await using proxy = await startFaultProxy(account.endpoint);
  await using broker = openBroker({ endpoint: proxy.url });
  await expect(broker.subscribe("billing!", ["order.created"])).rejects.toThrow(/-billing!" is no queue name/);
  await expect(broker.subscribe("b".repeat(80), ["order.created"])).rejects.toThrow(/at most 68 letters/);
  expect(proxy.calls).toEqual([]);
});

test("settings that AWS would refuse are named at once", () => {
  expect(() => openBroker({ waitTimeSeconds: 21 })).toThrow("waitTimeSeconds is 21, expected an integer from 1 to 20");
  expect(() => openBroker({ visibilityTimeoutSeconds: 0 })).toThrow("visibilityTimeoutSeconds is 0");
});

test.concurrent("a group that never subscribed has no backlog", async () => {
  await using broker = openBroker();
  expect(await broker.transport.backlog("billing", ["order.created"])).toEqual({ waiting: 0, deadLetters: 0 });
});

test.concurrent("the backlog of a broker that does not answer is an error", async () => {
  await using proxy = await startFaultProxy(account.endpoint);
  await using broker = openBroker({ endpoint: proxy.url });
  proxy.intercept = () => "down";
  await expect(broker.transport.backlog("billing", ["order.created"])).rejects.toThrow("SQS did not say what is in");
});

function openBroker(options: Parameters<typeof snsSqsUnderTest>[1] = {}) {
  const namespace = uniqueName("t");
  const { transport, stranger } = snsSqsUnderTest(namespace, options);
  const subscriptionArn = async (topic: string) => {
    const TopicArn = `arn:aws:sns:us-east-1:000000000000:${namespace}-${topic}`;
    const { Subscriptions = [] } = await stranger.sns.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
    return Subscriptions[0]?.SubscriptionArn;
  };
  return {
    namespace,
    transport,
    stranger,
    /** Subscribes and leaves, so that what is published then stays in the queue. */
    async subscribe(group: string, types: readonly string[]) {
      await using subscriber = await transport.connectSubscriber();
      await subscriber.subscribe({ group, types, handler: async () => {} });
    },
    async subscriptionTo(topic: string): Promise<Readonly<Record<string, string>>> {
      const SubscriptionArn = await subscriptionArn(topic);
      const found = await stranger.sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn }));
      return found.Attributes ?? {};
    },
    async changeSubscription(topic: string, AttributeName: string, AttributeValue: string): Promise<void> {
      const SubscriptionArn = await subscriptionArn(topic);
      await stranger.sns.send(new SetSubscriptionAttributesCommand({ SubscriptionArn, AttributeName, AttributeValue }));
    },
    async publish(envelopes: Parameters<Awaited<ReturnType<typeof transport.connectPublisher>>["publish"]>[0]) {
      await using publisher = await transport.connectPublisher();
      await publisher.publish(envelopes);
    },
    [Symbol.asyncDispose]: async () => stranger[Symbol.dispose](),
  };
}

function denied(action: string): Answer {
  const body = JSON.stringify({ __type: "com.amazonaws.sqs#AccessDeniedException", message: `no right to ${action}` });
  return { status: 400, contentType: "application/x-amz-json-1.0", body };
}
