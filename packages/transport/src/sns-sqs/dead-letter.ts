import { type Message, type MessageAttributeValue, SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { reasonOf } from "../reason.ts";
import { inTime } from "./clients.ts";
import type { GroupQueues } from "./topology.ts";

const mostAttributes = 10;

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
  const send = (MessageAttributes: Attributes) => {
    const letter = { QueueUrl: queues.deadLetterUrl, MessageBody: message.Body, MessageAttributes };
    return sqs.send(new SendMessageCommand(letter), inTime());
  };
  try {
    await send(besideOwn(message, { errorName, errorMessage, ...details }));
  } catch (error) {
    if (!isTooLong(error)) throw error;
    await send(short);
  }
}

type Attributes = Record<string, MessageAttributeValue>;

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

function besideOwn(message: Message, added: Attributes): Attributes {
  const own = Object.entries(message.MessageAttributes ?? {}).filter(([name]) => !(name in added));
  return { ...Object.fromEntries(own.slice(0, mostAttributes - Object.keys(added).length)), ...added };
}

/** SQS has no code of its own for it. */
function isTooLong(error: unknown): boolean {
  return error instanceof Error && /must be shorter than/.test(error.message);
}

/** SQS refuses an empty text. */
function text(value: string) {
  return { DataType: "String", StringValue: value || "(none)" };
}
