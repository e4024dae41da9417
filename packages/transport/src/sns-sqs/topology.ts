import {
  CreateTopicCommand,
  InvalidParameterException,
  paginateListSubscriptionsByTopic,
  SetSubscriptionAttributesCommand,
  type SNSClient,
  SubscribeCommand,
} from "@aws-sdk/client-sns";
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  SetQueueAttributesCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { type Clients, inTime } from "./clients.ts";
import { deadLetterQueueName, queueName, topicName, topicPattern } from "./names.ts";

export type GroupDeclaration = {
  readonly namespace: string;
  readonly group: string;
  readonly types: readonly string[];
  readonly visibilityTimeoutSeconds: number;
  readonly maxReceiveCount: number;
};

/** The queue of a group and the queue of its dead letters, as SQS calls address them. */
export type GroupQueues = { readonly name: string; readonly url: string; readonly deadLetterUrl: string };

/** Returns the topic's ARN. The topic is made if it is missing. */
export async function declareTopic(sns: SNSClient, namespace: string, type: string): Promise<string> {
  const Name = topicName(namespace, type);
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name }), inTime());
  return present(TopicArn, `ARN of topic ${Name}`);
}

/**
 * Makes what is missing of topics, queue, dead-letter queue and subscriptions, and brings a queue that differs to what
 * is declared here; other attributes and policy statements stay as they are. Any number of processes may do so at once.
 */
export async function declareGroup({ sns, sqs }: Clients, declaration: GroupDeclaration): Promise<GroupQueues> {
  const { namespace, group, types } = declaration;
  const [name, deadLetterName] = [queueName(namespace, group), deadLetterQueueName(namespace, group)];
  const topicArns = await Promise.all(types.map((type) => declareTopic(sns, namespace, type)));
  const topicPrefix = topicArns[0]?.replace(/[^:]*$/, "") ?? "";
  const queuePrefix = topicPrefix.replace(":sns:", ":sqs:");

  // SQS refuses a redrive policy whose target is not there yet.
  const deadLetterUrl = await declareQueue(sqs, deadLetterName, deadLetterQueueSettings);
  const attributes = {
    ...queueSettings(declaration),
    RedrivePolicy: JSON.stringify({
      deadLetterTargetArn: queuePrefix + deadLetterName,
      maxReceiveCount: declaration.maxReceiveCount,
    }),
    Policy: JSON.stringify({
      Version: "2012-10-17",
      Statement: [admission(queuePrefix + name, topicPrefix + topicPattern(namespace))],
    }),
  };
  const url = await declareQueue(sqs, name, attributes, topicArns);
  await Promise.all(topicArns.map((topicArn) => subscribeQueue(sns, topicArn, queuePrefix + name)));
  return { name, url, deadLetterUrl };
}

type Attributes = Readonly<Record<string, string>>;

/** The longest that SQS knows: 14 days. */
export const deadLetterQueueSettings: Attributes = { MessageRetentionPeriod: String(14 * 24 * 60 * 60) };

export function queueSettings({ visibilityTimeoutSeconds }: Pick<GroupDeclaration, "visibilityTimeoutSeconds">) {
  return { VisibilityTimeout: String(visibilityTimeoutSeconds), ReceiveMessageWaitTimeSeconds: "20" };
}
type Statement = {
  readonly Sid?: string;
  /** By operator, such as `ArnLike`, and key. */
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
};

const admissionSid = "ThroughlineTopics";

/**
 * Lets SNS write into the queue. It names the namespace's topics by prefix: a list would be different in two releases
 * of a service that run side by side, and the older one would take the newer one's topics out.
 */
function admission(queueArn: string, topicArns: string): Statement {
  return {
    Sid: admissionSid,
    Effect: "Allow",
    Principal: { Service: "sns.amazonaws.com" },
    Action: "sqs:SendMessage",
    Resource: queueArn,
    Condition: { ArnLike: { "aws:SourceArn": topicArns } },
  } as Statement;
}

async function declareQueue(
  sqs: SQSClient,
  QueueName: string,
  Attributes: Attributes,
  topicArns: readonly string[] = [],
): Promise<string> {
  try {
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName, Attributes }), inTime());
    return present(QueueUrl, `URL of queue ${QueueName}`);
  } catch (error) {
    // The emulator's code is not the one that the SDK has a class for.
    if (!(error instanceof Error && /QueueNameExists|QueueAlreadyExists/.test(error.name))) throw error;
    return updateQueue(sqs, QueueName, Attributes, topicArns);
  }
}

async function updateQueue(
  sqs: SQSClient,
  QueueName: string,
  declared: Attributes,
  topicArns: readonly string[],
): Promise<string> {
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName }), inTime());
  const found = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }), inTime());
  const actual: Readonly<Record<string, string | undefined>> = found.Attributes ?? {};
  const policy = declared.Policy && mergePolicy(actual.Policy, declared.Policy, topicArns);
  const wanted = { ...declared, ...(policy ? { Policy: policy } : {}) };
  const Attributes = Object.fromEntries(
    Object.entries(wanted).filter(([name, value]) => comparable(actual[name]) !== comparable(value)),
  );
  if (Object.keys(Attributes).length > 0) {
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }), inTime());
  }
  return present(QueueUrl, `URL of queue ${QueueName}`);
}

/** A policy that admits those topics already, as one made with the infrastructure names them one by one, stays as it is. */
function mergePolicy(actual: string | undefined, declared: string, topicArns: readonly string[]): string {
  if (actual && admitsTopics(actual, topicArns)) return actual;
  const policy = JSON.parse(declared) as { readonly Statement: readonly Statement[] };
  const others = statementsIn(actual).filter(({ Sid }) => Sid !== admissionSid);
  return JSON.stringify({ ...policy, Statement: [...others, ...policy.Statement] });
}

/** Whether the policy of a queue has our statement, and every one of these topics is among its sources. */
export function admitsTopics(policy: string | undefined, topicArns: readonly string[]): boolean {
  const own = statementsIn(policy).find(({ Sid }) => Sid === admissionSid);
  const sources = Object.values(own?.Condition ?? {}).flatMap((condition) => condition["aws:SourceArn"] ?? []);
  const admits = (arn: string) =>
    sources.some((source) => source === arn || (source.endsWith("*") && arn.startsWith(source.slice(0, -1))));
  return topicArns.every(admits);
}

function statementsIn(policy: string | undefined): Statement[] {
  const { Statement = [] } = JSON.parse(policy || "{}") as { readonly Statement?: Statement | readonly Statement[] };
  return [Statement].flat();
}

/** AWS hands JSON back in another order of keys, and numbers as text. */
function comparable(value: string | undefined): string | undefined {
  if (!value?.startsWith("{")) return value;
  return JSON.stringify(JSON.parse(value), (_, part: unknown) => {
    if (typeof part === "number") return String(part);
    if (part === null || typeof part !== "object" || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

async function subscribeQueue(sns: SNSClient, TopicArn: string, Endpoint: string): Promise<void> {
  const Attributes = { RawMessageDelivery: "true" };
  try {
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint, Attributes }), inTime());
  } catch (error) {
    if (!(error instanceof InvalidParameterException) || !error.message.includes("already exists")) throw error;
    // It has further attributes, such as a filter policy. They stay.
    const SubscriptionArn = await findSubscription(sns, TopicArn, Endpoint);
    const raw = { SubscriptionArn, AttributeName: "RawMessageDelivery", AttributeValue: "true" };
    await sns.send(new SetSubscriptionAttributesCommand(raw), inTime());
  }
}

async function findSubscription(sns: SNSClient, TopicArn: string, endpoint: string): Promise<string> {
  for await (const { Subscriptions = [] } of paginateListSubscriptionsByTopic({ client: sns }, { TopicArn })) {
    const arn = Subscriptions.find(({ Endpoint }) => Endpoint === endpoint)?.SubscriptionArn;
    if (arn !== undefined) return arn;
  }
  throw new Error(`SNS says that ${endpoint} is subscribed to ${TopicArn}, and does not list it`);
}

/** The SDK's types leave every field open; AWS always sends these. */
function present(value: string | undefined, what: string): string {
  if (value === undefined) throw new Error(`AWS answered without the ${what}`);
  return value;
}
