import {
  CreateTopicCommand,
  GetSubscriptionAttributesCommand,
  InvalidParameterException,
  paginateListSubscriptionsByTopic,
  SetSubscriptionAttributesCommand,
  SetTopicAttributesCommand,
  type SNSClient,
  SubscribeCommand,
} from "@aws-sdk/client-sns";
import { toError } from "../reason.ts";
import { type Clients, inTime } from "./clients.ts";
import type { Names } from "./names.ts";
import { admission, assertOwnDeadLetters, declareQueue, nameIn, type QueueAttributes } from "./queues.ts";
import { deadLetterQueueSettings, isFifo, queueSettings, topicSettings } from "./settings.ts";

export type GroupDeclaration = {
  readonly group: string;
  readonly types: readonly string[];
  readonly visibilityTimeoutSeconds: number;
  readonly maxReceiveCount: number;
};

/** The queue of a group and those of its dead letters. */
export type GroupQueues = {
  readonly name: string;
  readonly url: string;
  readonly deadLetterUrl: string;
};

/** Returns the topic's ARN. The topic is made if it is missing, and brought to what is declared if it differs. */
export function declareTopic(sns: SNSClient, name: string): Promise<string> {
  return explained(`Topic ${name}`, isFifo(name) ? declareFifoTopic(sns, name) : createTopic(sns, name, {}));
}

async function declareFifoTopic(sns: SNSClient, name: string): Promise<string> {
  const [kind, settings] = [{ FifoTopic: "true" }, topicSettings(true)];
  try {
    return await createTopic(sns, name, { ...kind, ...settings });
  } catch (error) {
    if (!(error instanceof Error && isOtherwise.test(error.message))) throw error;
  }
  const TopicArn = await createTopic(sns, name, kind);
  for (const [AttributeName, AttributeValue] of Object.entries(settings)) {
    await sns.send(new SetTopicAttributesCommand({ TopicArn, AttributeName, AttributeValue }), inTime());
  }
  return TopicArn;
}

async function createTopic(sns: SNSClient, Name: string, Attributes: Record<string, string>): Promise<string> {
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name, Attributes }), inTime());
  if (TopicArn === undefined) throw new Error("SNS answered without its ARN");
  return TopicArn;
}

/**
 * Makes what is missing of topics, queues and subscriptions, and brings what differs to what is declared. Rejects with
 * the fix, in words, where something that is there contradicts it.
 */
export async function declareGroup(
  { sns, sqs }: Clients,
  names: Names,
  declaration: GroupDeclaration,
): Promise<GroupQueues> {
  const { group, types, maxReceiveCount } = declaration;
  const [name, deadLetterName, undeliveredName] = queueNames(names, group);
  const topicArns = await Promise.all(types.map((type) => declareTopic(sns, names.topic(type))));
  const [topicArn = ""] = topicArns;
  const arnOf = (queueName: string) => topicArn.replace(/[^:]*$/, queueName).replace(":sns:", ":sqs:");
  const declare = (queueName: string, attributes: QueueAttributes) =>
    explained(`Queue ${queueName}`, declareQueue(sqs, queueName, attributes, topicArns));
  const admitted = (queueName: string) => ({
    Policy: admission(arnOf(queueName), topicArn.replace(/[^:]*$/, names.allTopics)),
  });

  // SQS refuses a redrive policy whose target is not there yet.
  const [deadLetterUrl] = await Promise.all([
    declare(deadLetterName, deadLetterQueueSettings),
    declare(undeliveredName, { ...deadLetterQueueSettings, ...admitted(undeliveredName) }),
  ]);
  const url = await declare(name, {
    ...queueSettings(declaration.visibilityTimeoutSeconds, isFifo(name)),
    ...admitted(name),
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arnOf(deadLetterName), maxReceiveCount }),
  });
  const subscribe = (arn: string) => subscribeQueue(sns, arn, arnOf(name), arnOf(undeliveredName));
  await Promise.all(topicArns.map((arn) => explained(`The subscription to ${nameIn(arn)}`, subscribe(arn))));
  return { name, url, deadLetterUrl };
}

/** All three before anything is declared, because a name may be refused. */
function queueNames(names: Names, group: string): [string, string, string] {
  return [names.queue(group), names.deadLetters(group), names.undelivered(group)];
}

async function subscribeQueue(
  sns: SNSClient,
  TopicArn: string,
  Endpoint: string,
  undeliveredArn: string,
): Promise<void> {
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: undeliveredArn });
  const Attributes = { RawMessageDelivery: "true", RedrivePolicy };
  try {
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint, Attributes }), inTime());
  } catch (error) {
    if (!(error instanceof InvalidParameterException) || !error.message.includes("already exists")) throw error;
    await updateSubscription(sns, await findSubscription(sns, TopicArn, Endpoint), Attributes);
  }
}

/** Whatever else it has stays, such as a filter policy. */
async function updateSubscription(
  sns: SNSClient,
  SubscriptionArn: string,
  declared: Readonly<Record<string, string>>,
): Promise<void> {
  const found = await sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn }), inTime());
  const actual: QueueAttributes = found.Attributes ?? {};
  assertOwnDeadLetters(SubscriptionArn, actual, declared);
  for (const [AttributeName, AttributeValue] of Object.entries(declared)) {
    if (actual[AttributeName] === AttributeValue) continue;
    await sns.send(new SetSubscriptionAttributesCommand({ SubscriptionArn, AttributeName, AttributeValue }), inTime());
  }
}

async function findSubscription(sns: SNSClient, TopicArn: string, endpoint: string): Promise<string> {
  const pages = paginateListSubscriptionsByTopic({ client: sns }, { TopicArn }, inTime());
  for await (const { Subscriptions = [] } of pages) {
    const arn = Subscriptions.find(({ Endpoint }) => Endpoint === endpoint)?.SubscriptionArn;
    if (arn !== undefined) return arn;
  }
  throw new Error(`SNS says that ${endpoint} is subscribed to ${TopicArn}, and does not list it`);
}

/** What AWS says is terse; the fix is added where its code tells which one it is. */
async function explained<Answer>(what: string, declaring: Promise<Answer>): Promise<Answer> {
  try {
    return await declaring;
  } catch (thrown) {
    const error = toError(thrown);
    const fix = fixes.find(([code]) => code.test(`${error.name} ${error.message}`))?.[1] ?? "";
    throw new Error(`${what} cannot be declared: ${error.message}${fix}`, { cause: error });
  }
}

const isOtherwise = /different attributes/;

const fixes: readonly (readonly [RegExp, string])[] = [
  [
    /AccessDenied|AuthorizationError|NotAuthorized/,
    ". It belongs to somebody else, or this role may not do that: grant it the right, choose another NAMESPACE, or make " +
      "the resource with the infrastructure",
  ],
  [/QueueDeletedRecently/, ". SQS makes no queue of a name that was deleted in the last minute: wait, and start again"],
  [
    isOtherwise,
    ". It was made with other settings, which cannot be changed here: make them as the message says, or delete it",
  ],
];
