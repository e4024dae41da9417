import { type Message, type MessageAttributeValue, SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { reasonOf } from "../reason.ts";
import { inTime } from "./clients.ts";
import type { GroupQueues } from "./topology.ts";

const mostAttributes = 10;

/**
 * Sends the message as it came to the dead-letter queue. Beside its own attributes stand `errorName`, `errorMessage`,
 * `errorStack`, `failedAt` (ISO 8601), `attempts` and `sourceQueue`; SQS takes ten in all, so of its own the first four
 * remain.
 */
export async function sendToDeadLetters(
  sqs: SQSClient,
  queues: GroupQueues,
  message: Message,
  failure: { readonly error: Error; readonly attempt: number },
): Promise<void> {
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: queues.deadLetterUrl,
      MessageBody: message.Body,
      MessageAttributes: attributesOf(message, queues.name, failure),
    }),
    inTime(),
  );
}

function attributesOf(
  message: Message,
  sourceQueue: string,
  { error, attempt }: { readonly error: Error; readonly attempt: number },
): Record<string, MessageAttributeValue> {
  const reason = reasonOf(error);
  const added = {
    errorName: text(reason.name),
    errorMessage: text(reason.message),
    errorStack: text(reason.stack),
    failedAt: text(new Date().toISOString()),
    attempts: { DataType: "Number", StringValue: String(attempt) },
    sourceQueue: text(sourceQueue),
  };
  const own = Object.entries(message.MessageAttributes ?? {}).filter(([name]) => !(name in added));
  return { ...Object.fromEntries(own.slice(0, mostAttributes - Object.keys(added).length)), ...added };
}

/** SQS refuses an empty text. */
function text(value: string): MessageAttributeValue {
  return { DataType: "String", StringValue: value || "(none)" };
}
