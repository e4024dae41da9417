import {
  GetSubscriptionAttributesCommand,
  GetTopicAttributesCommand,
  paginateListSubscriptions,
  paginateListSubscriptionsByTopic,
  paginateListTopics,
  type SNSClient,
} from "@aws-sdk/client-sns";
import { paginateListQueues, type SQSClient } from "@aws-sdk/client-sqs";
import type { SnsSqsTransportOptions } from "../sns-sqs.ts";
import type { BrokerTopology, Demand, Look, Resource, Settings } from "../topology.ts";
import { sentAttributes } from "./attributes.ts";
import { type Clients, createClients, inTime } from "./clients.ts";
import { type Names, namesIn } from "./names.ts";
import { admitsTopics, findQueue, nameIn, targetOf } from "./queues.ts";
import { deadLetterQueueSettings, isFifo, queueSettings, topicSettings } from "./settings.ts";
import { declareGroup, declareTopic, type GroupDeclaration } from "./topology.ts";

/** Topics, queues, their dead-letter queues, and who is subscribed to what. */
export function openSnsSqsTopology(options: SnsSqsTransportOptions, demand: Demand): BrokerTopology {
  const { namespace, fifo = false, visibilityTimeoutSeconds = 180 } = options;
  const clients = createClients(options);
  const names = namesIn(namespace, fifo);
  const groups = demand.groups.map(({ attempts, ...group }) => ({
    ...group,
    visibilityTimeoutSeconds,
    maxReceiveCount: attempts,
  }));
  const declared = [
    ...demand.types.map(
      (type): Resource => ({ kind: "topic", name: names.topic(type), settings: topicSettings(fifo) }),
    ),
    ...groups.flatMap((group) => declaredFor(group, names)),
  ];
  return {
    declared,
    look: () => look(clients, declared, names.allTopics.slice(0, -1)),
    async apply() {
      await Promise.all(demand.types.map((type) => declareTopic(clients.sns, names.topic(type))));
      for (const group of groups) await declareGroup(clients, names, group);
    },
    [Symbol.asyncDispose]: async () => clients.destroy(),
  };
}

function declaredFor(declaration: GroupDeclaration, names: Names): Resource[] {
  const { group, types, visibilityTimeoutSeconds, maxReceiveCount } = declaration;
  const [queue, deadLetterQueue, undelivered] = [
    names.queue(group),
    names.deadLetters(group),
    names.undelivered(group),
  ];
  const topics = types.map((type) => names.topic(type)).sort();
  const admits = topics.join(" ");
  return [
    { kind: "queue", name: deadLetterQueue, settings: deadLetterQueueSettings },
    { kind: "queue", name: undelivered, settings: { ...deadLetterQueueSettings, admits } },
    {
      kind: "queue",
      name: queue,
      settings: {
        ...queueSettings(visibilityTimeoutSeconds, isFifo(queue)),
        ...{ maxReceiveCount: String(maxReceiveCount), deadLetterQueue, admits },
      },
    },
    ...topics.map(
      (topic): Resource => ({
        kind: "subscription",
        name: `${topic} → ${queue}`,
        settings: { RawMessageDelivery: "true", deadLetterQueue: undelivered },
      }),
    ),
  ];
}

async function look({ sns, sqs }: Clients, declared: readonly Resource[], prefix: string): Promise<Look> {
  const topics = await listTopics(sns);
  const subscriptions = await listSubscriptions(sns, topics, declared);
  const foreign = await listForeign(sns, declared, prefix);
  const standings = declared.map(async (resource) => ({
    declared: resource,
    found: await find(resource, { sns, sqs, topics, subscriptions, foreign }),
  }));
  const names = [...topics.keys(), ...(await listQueues(sqs, prefix))];
  const wanted = new Set(declared.map(({ name }) => name));
  const others = names.filter((name) => name.startsWith(prefix) && !wanted.has(name));
  return { standings: await Promise.all(standings), others: [...new Set(others)].sort() };
}

type Account = {
  readonly sns: SNSClient;
  readonly sqs: SQSClient;
  readonly topics: ReadonlyMap<string, string>;
  readonly subscriptions: ReadonlyMap<string, Settings>;
  readonly foreign: ReadonlyMap<string, readonly string[]>;
};

async function find(
  { kind, name, settings }: Resource,
  { sns, sqs, topics, subscriptions, foreign }: Account,
): Promise<Settings | undefined> {
  if (kind === "topic") return attributesOf(sns, topics.get(name));
  if (kind === "subscription") return subscriptions.get(name);
  const attributes = (await findQueue(sqs, name))?.attributes;
  if (attributes === undefined) return undefined;
  const redrive = JSON.parse(attributes.RedrivePolicy || "{}") as { readonly maxReceiveCount?: number | string };
  const awaited = settings.admits?.split(" ") ?? [];
  const admitted = awaited.filter((topic) => admitsTopics(attributes.Policy, [topics.get(topic) ?? ""]));
  return {
    ...attributes,
    maxReceiveCount: String(redrive.maxReceiveCount ?? "none"),
    deadLetterQueue: nameIn(targetOf(attributes.RedrivePolicy) ?? "none"),
    admits: admitted.join(" "),
    foreignTopics: foreign.get(name)?.join(" ") ?? "",
  };
}

async function attributesOf(sns: SNSClient, TopicArn: string | undefined): Promise<Settings | undefined> {
  if (TopicArn === undefined) return undefined;
  return (await sns.send(new GetTopicAttributesCommand({ TopicArn }), inTime())).Attributes;
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
        const deadLetterQueue = nameIn(targetOf(Attributes.RedrivePolicy) ?? "none");
        const unsent = unsentIn(Attributes).join(" ");
        found.set(`${name} → ${nameIn(Endpoint)}`, { ...Attributes, deadLetterQueue, unsentFilters: unsent });
      }
    }
  }
  return found;
}

/** The attributes that a filter policy asks for and that no message has: it lets none through. */
function unsentIn({ FilterPolicy = "{}", FilterPolicyScope = "MessageAttributes" }: Settings): string[] {
  if (FilterPolicyScope !== "MessageAttributes") return [];
  const asked = Object.entries(JSON.parse(FilterPolicy || "{}") as Record<string, unknown>);
  const isAbsenceFine = (rule: unknown) => JSON.stringify(rule).includes('{"exists":false}');
  const sent: readonly string[] = ["$or", ...sentAttributes];
  return asked.flatMap(([name, rule]) => (sent.includes(name) || isAbsenceFine(rule) ? [] : [name]));
}

/** Topics outside of the namespace to which its queues are subscribed, by queue. */
async function listForeign(
  sns: SNSClient,
  declared: readonly Resource[],
  prefix: string,
): Promise<Map<string, string[]>> {
  const foreign = new Map<string, string[]>();
  const queues = new Set(declared.flatMap(({ kind, name }) => (kind === "queue" ? [name] : [])));
  for await (const { Subscriptions = [] } of paginateListSubscriptions({ client: sns }, {})) {
    for (const { TopicArn = "", Endpoint = "" } of Subscriptions) {
      const [topic, queue] = [nameIn(TopicArn), nameIn(Endpoint)];
      if (queues.has(queue) && !topic.startsWith(prefix)) foreign.set(queue, [...(foreign.get(queue) ?? []), topic]);
    }
  }
  return foreign;
}

async function listQueues(sqs: SQSClient, QueueNamePrefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { QueueUrls = [] } of paginateListQueues({ client: sqs }, { QueueNamePrefix })) {
    names.push(...QueueUrls.map((url) => url.replace(/.*\//, "")));
  }
  return names;
}
