import { type Message, SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { reasonOf } from "../reason.ts";
import type { DeadLetter } from "../transport.ts";
import { type Attributes, mostAttributes, text } from "./attributes.ts";
import { inTime } from "./clients.ts";
import type { GroupQueues } from "./topology.ts";

/** What stands beside a dead letter of ours, and of SNS beside what it could not deliver. */
const ourNames = ["errorName", "errorMessage", "errorStack", "failedAt", "attempts", "sourceQueue"];
const namesOfSns = ["RequestID", "ErrorCode", "ErrorMessage"];

/**
 * Sends the message as it came to the dead-letter queue. Beside its own attributes stand `errorName`, `errorMessage`,
 * `errorStack`, `failedAt` (ISO 8601), `attempts` and `sourceQueue`; SQS takes ten in all, so of its own the first four
 * remain. Body and attributes share one limit: beside a body that nearly reaches it, only the start of the reason stands.
 */
export async function sendToDeadLetters(
  sqs: SQSClient,
  queues: GroupQueues,
  message: Message,
  failure: { readonly error: Error; readonly attempt: number },
): Promise<void> {
  const { errorName, errorMessage, ...details } = reasonAttributes(queues.name, failure);
  const short = { errorName, errorMessage: text(errorMessage.StringValue.slice(0, 255)) };
  // Sent twice, because the answer was lost, it is one letter on FIFO.
  const MessageGroupId = message.Attributes?.MessageGroupId;
  const inGroup = MessageGroupId && { MessageGroupId, MessageDeduplicationId: message.MessageId };
  const send = (MessageAttributes: Message["MessageAttributes"]) => {
    const letter = { QueueUrl: queues.deadLetterUrl, MessageBody: message.Body, MessageAttributes, ...inGroup };
    return sqs.send(new SendMessageCommand(letter), inTime());
  };
  try {
    await send(besideOwn(message, { errorName, errorMessage, ...details }));
  } catch (error) {
    if (!isTooLong(error)) throw error;
    await send(short);
  }
}

/**
 * The letter in `message`, which came from a dead-letter queue of the group that has `queueName`. What we did not put
 * there ourselves is from SQS, when nobody settled the message in `maxReceiveCount` deliveries, or from SNS, when it
 * could not deliver; neither says when it failed, so that is the time at which the message was sent.
 */
export function toDeadLetter(
  message: Message,
  { group, queueName, maxReceiveCount }: { group: string; queueName: string; maxReceiveCount: number },
): DeadLetter {
  const all = Object.entries(message.MessageAttributes ?? {}).map(([name, { StringValue = "" }]) => [
    name,
    StringValue,
  ]);
  const noted: Readonly<Record<string, string | undefined>> = Object.fromEntries(all);
  const added = noted.errorName === undefined ? namesOfSns : ourNames;
  return {
    group,
    origin: { name: noted.sourceQueue ?? queueName },
    body: Buffer.from(message.Body ?? ""),
    headers: Object.fromEntries(all.filter(([name = ""]) => !added.includes(name))),
    failedAt: new Date(noted.failedAt ?? Number(message.Attributes?.SentTimestamp ?? 0)),
    ...reasonOfLetter(noted, maxReceiveCount),
  };
}

function reasonOfLetter(
  noted: Readonly<Record<string, string | undefined>>,
  maxReceiveCount: number,
): Pick<DeadLetter, "error" | "attempts"> {
  const { errorName, errorMessage = "", errorStack, attempts, ErrorCode, ErrorMessage = "" } = noted;
  if (errorName !== undefined) {
    const stack = errorStack === undefined ? {} : { stack: errorStack };
    return { error: { name: errorName, message: errorMessage, ...stack }, attempts: Number(attempts ?? 1) };
  }
  if (ErrorCode !== undefined) {
    return {
      error: { name: "NotDelivered", message: `SNS could not deliver it: ${ErrorCode} ${ErrorMessage}` },
      attempts: 0,
    };
  }
  const message =
    `SQS set it aside: ${maxReceiveCount} deliveries ended without an answer, which is so where the process dies with ` +
    "the message in hand. There is no other reason on record";
  return { error: { name: "ReceiveCountExceeded", message }, attempts: maxReceiveCount };
}

function reasonAttributes(
  sourceQueue: string,
  { error, attempt }: { readonly error: Error; readonly attempt: number },
) {
  const reason = reasonOf(error);
  return {
    errorName: text(reason.name),
    errorMessage: text(reason.message),
    errorStack: text(reason.stack),
    failedAt: text(new Date().toISOString()),
    attempts: { DataType: "Number", StringValue: String(attempt) },
    sourceQueue: text(sourceQueue),
  };
}

function besideOwn(message: Message, added: Attributes): Message["MessageAttributes"] {
  const own = Object.entries(message.MessageAttributes ?? {}).filter(([name]) => !(name in added));
  return { ...Object.fromEntries(own.slice(0, mostAttributes - Object.keys(added).length)), ...added };
}

/** SQS has no code of its own for it. */
function isTooLong(error: unknown): boolean {
  return error instanceof Error && /must be shorter than/.test(error.message);
}
