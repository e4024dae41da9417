import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  QueueDoesNotExist,
  SetQueueAttributesCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { inTime } from "./clients.ts";
import { isFifo } from "./settings.ts";

export type QueueAttributes = Readonly<Record<string, string>>;

/** A queue that is there. */
export type FoundQueue = { readonly url: string; readonly attributes: QueueAttributes };

const admissionSid = "ThroughlineTopics";

/** Undefined where there is none of that name. */
export async function findQueue(sqs: SQSClient, QueueName: string): Promise<FoundQueue | undefined> {
  try {
    const { QueueUrl: url = "" } = await sqs.send(new GetQueueUrlCommand({ QueueName }), inTime());
    const asked = { QueueUrl: url, AttributeNames: ["All" as const] };
    const { Attributes: attributes = {} } = await sqs.send(new GetQueueAttributesCommand(asked), inTime());
    return { url, attributes };
  } catch (error) {
    if (error instanceof QueueDoesNotExist) return undefined;
    throw error;
  }
}

/**
 * Makes the queue where it is missing, and brings one that differs to what is declared; other attributes and policy
 * statements stay as they are. Needs no more than read access where nothing is to be done. Any number of processes may
 * do so at once.
 */
export async function declareQueue(
  sqs: SQSClient,
  name: string,
  declared: QueueAttributes,
  topicArns: readonly string[],
): Promise<string> {
  const queue = (await findQueue(sqs, name)) ?? (await createQueue(sqs, name, declared));
  if (typeof queue === "string") return queue;
  assertOwnDeadLetters(name, queue.attributes, declared);
  const Policy = declared.Policy && mergePolicy(queue.attributes.Policy, declared.Policy, topicArns);
  const wanted = { ...declared, ...(Policy && { Policy }) };
  const Attributes = Object.fromEntries(
    Object.entries(wanted).filter(([key, value]) => comparable(queue.attributes[key]) !== comparable(value)),
  );
  if (Object.keys(Attributes).length > 0) {
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl: queue.url, Attributes }), inTime());
  }
  return queue.url;
}

/** Lets SNS write into the queue. */
export function admission(queueArn: string, topicArns: string): string {
  const statement = {
    Sid: admissionSid,
    Effect: "Allow",
    Principal: { Service: "sns.amazonaws.com" },
    Action: "sqs:SendMessage",
    Resource: queueArn,
    // A list of topics would be different in two releases of a service that run side by side, and the older one would
    // take the newer one's topics out.
    Condition: { ArnLike: { "aws:SourceArn": topicArns } },
  };
  return JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
}

/** `dev-billing` of `arn:aws:sqs:us-east-1:000000000000:dev-billing`. */
export function nameIn(arn: string): string {
  return arn.slice(arn.lastIndexOf(":") + 1);
}

/**
 * Returns the new queue's URL, or the queue where another process was faster. All attributes are in the one call: SQS
 * takes up to a minute to heed what is set later, and SNS would be shut out meanwhile.
 */
async function createQueue(sqs: SQSClient, QueueName: string, declared: QueueAttributes): Promise<string | FoundQueue> {
  const queue = { QueueName, Attributes: { ...declared, ...(isFifo(QueueName) && { FifoQueue: "true" }) } };
  try {
    return (await sqs.send(new CreateQueueCommand(queue), inTime())).QueueUrl ?? "";
  } catch (error) {
    // The emulator's code is not the one that the SDK has a class for.
    if (!(error instanceof Error && /QueueNameExists|QueueAlreadyExists/.test(error.name))) throw error;
    const found = await findQueue(sqs, QueueName);
    if (found === undefined) throw error;
    return found;
  }
}

type Statement = {
  readonly Sid?: string;
  /** By operator, such as `ArnLike`, and key. */
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
};

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

/** Somebody else's redrive policy is not overwritten: what failed would be where nobody of ours looks. */
export function assertOwnDeadLetters(name: string, actual: QueueAttributes, declared: QueueAttributes): void {
  const [found, expected] = [actual, declared].map(({ RedrivePolicy }) => targetOf(RedrivePolicy));
  if (found === undefined || expected === undefined || found === expected) return;
  throw new Error(
    `${name} sends its dead letters to ${found}, where nobody would see them, and not to ${expected}: ` +
      "set its RedrivePolicy to that, or remove it, and start again",
  );
}

export function targetOf(redrivePolicy: string | undefined): string | undefined {
  return redrivePolicy
    ? (JSON.parse(redrivePolicy) as { deadLetterTargetArn?: string }).deadLetterTargetArn
    : undefined;
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
