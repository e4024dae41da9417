import {
  GetSubscriptionAttributesCommand,
  paginateListSubscriptionsByTopic,
  paginateListTopics,
  type SNSClient,
} from "@aws-sdk/client-sns";
import {
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  paginateListQueues,
  QueueDoesNotExist,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import type { SnsSqsTransportOptions } from "../sns-sqs.ts";
import type { BrokerTopology, Demand, Look, Resource, Settings } from "../topology.ts";
import { type Clients, createClients, inTime } from "./clients.ts";
import { deadLetterQueueName, queueName, topicName } from "./names.ts";
import { admitsTopics, deadLetterQueueSettings, declareGroup, declareTopic, queueSettings } from "./topology.ts";

/** Topics, queues, their dead-letter queues, and who is subscribed to what. */
export function openSnsSqsTopology(options: SnsSqsTransportOptions, demand: Demand): BrokerTopology {
  const { namespace, visibilityTimeoutSeconds = 180 } = options;
  const clients = createClients(options);
  const groups = demand.groups.map(({ attempts, ...group }) => ({
    ...group,
    namespace,
    visibilityTimeoutSeconds,
    maxReceiveCount: attempts,
  }));
  const declared = [
    ...demand.types.map((type): Resource => ({ kind: "topic", name: topicName(namespace, type), settings: {} })),
    ...groups.flatMap(declaredFor),
  ];
  return {
    declared,
    look: () => look(clients, declared, namespace),
    async apply() {
      await Promise.all(demand.types.map((type) => declareTopic(clients.sns, namespace, type)));
      for (const group of groups) await declareGroup(clients, group);
    },
    [Symbol.asyncDispose]: async () => clients.destroy(),
  };
}

type Declaration = Parameters<typeof declareGroup>[1];

function declaredFor(declaration: Declaration): Resource[] {
  const { namespace, group, types, maxReceiveCount } = declaration;
  const [queue, deadLetters] = [queueName(namespace, group), deadLetterQueueName(namespace, group)];
  const topics = types.map((type) => topicName(namespace, type)).sort();
  return [
    { kind: "queue", name: deadLetters, settings: deadLetterQueueSettings },
    {
      kind: "queue",
      name: queue,
      settings: {
        ...queueSettings(declaration),
        maxReceiveCount: String(maxReceiveCount),
        deadLetterQueue: deadLetters,
        admits: topics.join(" "),
      },
    },
    ...topics.map(
      (topic): Resource => ({
        kind: "subscription",
        name: `${topic} → ${queue}`,
        settings: { RawMessageDelivery: "true" },
      }),
    ),
  ];
}

async function look({ sns, sqs }: Clients, declared: readonly Resource[], namespace: string): Promise<Look> {
  const topics = await listTopics(sns);
  const subscriptions = await listSubscriptions(sns, topics, declared);
  const standings = declared.map(async (resource) => ({
    declared: resource,
    found: await find(resource, { sqs, topics, subscriptions }),
  }));
  const prefix = `${namespace.replaceAll(".", "-")}-`;
  const names = [...topics.keys(), ...(await listQueues(sqs, prefix))];
  const wanted = new Set(declared.map(({ name }) => name));
  const others = names.filter((name) => name.startsWith(prefix) && !wanted.has(name));
  return { standings: await Promise.all(standings), others: [...new Set(others)].sort() };
}

type Account = {
  readonly sqs: SQSClient;
  readonly topics: ReadonlyMap<string, string>;
  readonly subscriptions: ReadonlyMap<string, Settings>;
};

async function find(
  { kind, name, settings }: Resource,
  { sqs, topics, subscriptions }: Account,
): Promise<Settings | undefined> {
  if (kind === "topic") return topics.has(name) ? {} : undefined;
  if (kind === "subscription") return subscriptions.get(name);
  const attributes = await attributesOf(sqs, name);
  if (attributes === undefined) return undefined;
  const { maxReceiveCount, deadLetterTargetArn } = JSON.parse(attributes.RedrivePolicy ?? "{}") as {
    readonly maxReceiveCount?: number | string;
    readonly deadLetterTargetArn?: string;
  };
  const awaited = settings.admits?.split(" ") ?? [];
  const admitted = awaited.filter((topic) => admitsTopics(attributes.Policy, [topics.get(topic) ?? ""]));
  return {
    ...attributes,
    maxReceiveCount: String(maxReceiveCount ?? "none"),
    deadLetterQueue: deadLetterTargetArn?.replace(/.*:/, "") ?? "none",
    admits: admitted.join(" "),
  };
}

async function listTopics(sns: SNSClient): Promise<Map<string, string>> {
  const arns: string[] = [];
  for await (const { Topics = [] } of paginateListTopics({ client: sns }, {})) {
    arns.push(...Topics.flatMap(({ TopicArn }) => TopicArn ?? []));
  }
  return new Map(arns.map((arn) => [nameIn(arn), arn]));
}

/** By `topic → queue`. */
async function listSubscriptions(
  sns: SNSClient,
  topics: ReadonlyMap<string, string>,
  declared: readonly Resource[],
): Promise<Map<string, Settings>> {
  const found = new Map<string, Settings>();
  for (const { kind, name } of declared) {
    const TopicArn = kind === "topic" ? topics.get(name) : undefined;
    if (TopicArn === undefined) continue;
    for await (const { Subscriptions = [] } of paginateListSubscriptionsByTopic({ client: sns }, { TopicArn })) {
      for (const { SubscriptionArn, Endpoint = "" } of Subscriptions) {
        const { Attributes = {} } = await sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn }), inTime());
        found.set(`${name} → ${nameIn(Endpoint)}`, Attributes);
      }
    }
  }
  return found;
}

async function listQueues(sqs: SQSClient, QueueNamePrefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { QueueUrls = [] } of paginateListQueues({ client: sqs }, { QueueNamePrefix })) {
    names.push(...QueueUrls.map((url) => url.replace(/.*\//, "")));
  }
  return names;
}

async function attributesOf(sqs: SQSClient, QueueName: string): Promise<Settings | undefined> {
  try {
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName }), inTime());
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }),
      inTime(),
    );
    return Attributes ?? {};
  } catch (error) {
    if (error instanceof QueueDoesNotExist) return undefined;
    throw error;
  }
}

function nameIn(arn: string): string {
  return arn.replace(/.*:/, "");
}
