import { type Message, SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { reasonOf } from "../reason.ts";
import type { DeadLetter } from "../transport.ts";
import { fromHeaders, mostAttributes, type TypedAttributes, text, toHeaders } from "./attributes.ts";
import { inTime } from "./clients.ts";
import type { GroupQueues } from "./topology.ts";

/** The attribute of a dead letter in which one of us says, as JSON, why it is there. */
const noteName = "throughline.failure";

type Note = {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  readonly failedAt?: string | undefined;
  readonly attempts?: number | string | undefined;
  readonly sourceQueue?: string | undefined;
  /** Of the message's own attributes those that the note left no room for. */
  readonly attributes?: DeadLetter["headers"];
};

/**
 * Sends the message as it came to the dead-letter queue. Beside its own attributes stands `throughline.failure`, a JSON
 * object: `name`, `message` and `stack` of the error, `failedAt` (ISO 8601), `attempts` and `sourceQueue`. SQS takes ten
 * attributes in all, so a tenth of its own is in that object as well. Body and attributes share one limit: beside a body
 * that nearly reaches it, only the start of the reason stands.
 */
export async function sendToDeadLetters(
  sqs: SQSClient,
  queues: GroupQueues,
  message: Message,
  { error, attempt }: { readonly error: Error; readonly attempt: number },
): Promise<void> {
  const reason = reasonOf(error);
  const failedAt = new Date().toISOString();
  // Sent twice, because the answer was lost, it is one letter on FIFO.
  const MessageGroupId = message.Attributes?.MessageGroupId;
  const inGroup = MessageGroupId && { MessageGroupId, MessageDeduplicationId: message.MessageId };
  const send = (MessageAttributes: TypedAttributes) => {
    const letter = { QueueUrl: queues.deadLetterUrl, MessageBody: message.Body, MessageAttributes, ...inGroup };
    return sqs.send(new SendMessageCommand(letter), inTime());
  };
  try {
    await send(besideOwn(message, { ...reason, failedAt, attempts: attempt, sourceQueue: queues.name }));
  } catch (thrown) {
    if (!isTooLong(thrown)) throw thrown;
    await send(asAttribute({ name: reason.name, message: reason.message.slice(0, 255) }));
  }
}

/**
 * The letter in `message`, which came from a dead-letter queue of the group that has `queueName`. What has no note of ours
 * is from SQS, when nobody settled the message in `maxReceiveCount` deliveries, or from SNS, when it could not deliver;
 * neither says when it failed, so that is the time at which the message was sent.
 */
export function toDeadLetter(
  message: Message,
  { group, queueName, maxReceiveCount }: { group: string; queueName: string; maxReceiveCount: number },
): DeadLetter {
  const all = message.MessageAttributes ?? {};
  const { note, own } = noted(all) ?? notedApart(all) ?? notDelivered(all) ?? abandoned(all, maxReceiveCount);
  const { stack, sourceQueue = queueName, attempts = 1 } = note;
  return {
    group,
    origin: { name: sourceQueue },
    body: Buffer.from(message.Body ?? ""),
    headers: toHeaders(own),
    error: { name: note.name, message: String(note.message), ...(stack !== undefined && { stack }) },
    attempts: Number(attempts),
    failedAt: new Date(note.failedAt ?? Number(message.Attributes?.SentTimestamp ?? 0)),
  };
}

/** Why a message was set aside, and the attributes that it came with. */
type Reading = { readonly note: Note; readonly own: TypedAttributes };

/** Undefined also where the note is not one of ours: anybody may give a message an attribute of that name. */
function noted({ [noteName]: json, ...others }: TypedAttributes): Reading | undefined {
  try {
    const note = JSON.parse(json?.StringValue ?? "null") as Note | null;
    if (typeof note?.name !== "string") return undefined;
    return { note, own: { ...others, ...fromHeaders(note.attributes ?? {}) } };
  } catch {
    return undefined;
  }
}

/** Older releases say it in attributes apart. */
function notedApart(all: TypedAttributes): Reading | undefined {
  const { errorName, errorMessage, errorStack, failedAt, attempts, sourceQueue, ...own } = all;
  if (errorName?.StringValue === undefined) return undefined;
  const reason = {
    name: errorName.StringValue,
    message: errorMessage?.StringValue ?? "",
    stack: errorStack?.StringValue,
  };
  const [time, count, place] = [failedAt, attempts, sourceQueue].map((attribute) => attribute?.StringValue);
  return { note: { ...reason, failedAt: time, attempts: count, sourceQueue: place }, own };
}

function notDelivered({ RequestID, ErrorCode, ErrorMessage, ...own }: TypedAttributes): Reading | undefined {
  if (ErrorCode === undefined) return undefined;
  const message = `SNS could not deliver it: ${ErrorCode.StringValue} ${ErrorMessage?.StringValue ?? ""}`;
  return { note: { name: "NotDelivered", message, attempts: 0 }, own };
}

function abandoned(own: TypedAttributes, maxReceiveCount: number): Reading {
  const message =
    `SQS set it aside: ${maxReceiveCount} deliveries ended without an answer, which is so where the process dies with ` +
    "the message in hand. There is no other reason on record";
  return { note: { name: "ReceiveCountExceeded", message, attempts: maxReceiveCount }, own };
}

/** A note that the message has already, because a person put a letter back into its queue, is replaced. */
function besideOwn({ MessageAttributes: all = {} }: Message, note: Note): TypedAttributes {
  const own = Object.entries(noted(all)?.own ?? all);
  const [beside, left] = [own.slice(0, mostAttributes - 1), own.slice(mostAttributes - 1)];
  const attributes = left.length > 0 && { attributes: toHeaders(Object.fromEntries(left)) };
  return { ...Object.fromEntries(beside), ...asAttribute({ ...note, ...attributes }) };
}

function asAttribute(note: Note): TypedAttributes {
  return { [noteName]: text(JSON.stringify(note)) };
}

/** SQS has no code of its own for it. */
function isTooLong(error: unknown): boolean {
  return error instanceof Error && /must be shorter than/.test(error.message);
}
