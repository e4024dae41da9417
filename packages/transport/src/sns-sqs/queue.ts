import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { traceBatch } from "../batch-span.ts";
import { traceparentOf } from "./attributes.ts";
import { createBatcher } from "./batcher.ts";
import { callTimeoutMs, inTime } from "./clients.ts";
import type { Received } from "./receiver.ts";

const hideGatherMs = 5;

/** The calls a receiver makes. Those that settle a message are gathered into batches, and tried again. */
export type Queue = {
  /** Long-polls for up to ten messages, which then are hidden from other receivers for `leaseSeconds`. */
  receive(most: number, waitTimeSeconds: number, abortSignal: AbortSignal): Promise<Received>;
  /** Deletes the message: it is done. */
  remove(message: Message): Promise<void>;
  /** From now on the message is hidden for `seconds`; 0 gives it to the next receiver at once. */
  hide(receiptHandle: string, seconds: number): Promise<void>;
};

export type QueueOptions = {
  /** As spans have it. */
  readonly name: string;
  readonly group: string;
  /** For how long a receive hides what it gets. */
  readonly leaseSeconds: number;
  /** How long a delete waits for others to share its call, in milliseconds. On FIFO the group waits as well. */
  readonly gatherMs: number;
};

export function openQueue(sqs: SQSClient, QueueUrl: string, options: QueueOptions): Queue {
  const { name, group, leaseSeconds, gatherMs } = options;
  const attributes = {
    "messaging.system": "aws_sqs",
    "messaging.destination.name": name,
    "messaging.consumer.group.name": group,
  };
  const traceCall = (operation: "receive" | "settle", messages: readonly Message[], since: number, error?: Error) =>
    traceBatch(messages, traceparentOf, { operation, on: name, count: messages.length, attributes, since, error });
  const remove = createBatcher<Message>(
    gatherMs,
    (messages) => {
      const Entries = messages.map(({ Id, ReceiptHandle }) => ({ Id, ReceiptHandle }));
      return sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }), inTime());
    },
    (messages, since, error) => traceCall("settle", messages, since, error),
  );
  const hide = createBatcher<{ readonly ReceiptHandle: string; readonly VisibilityTimeout: number }>(
    hideGatherMs,
    (Entries) => sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries: [...Entries] }), inTime()),
  );
  return {
    async receive(most, waitTimeSeconds, abortSignal) {
      const since = Date.now();
      const { Messages: messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: most,
          WaitTimeSeconds: waitTimeSeconds,
          VisibilityTimeout: leaseSeconds,
          MessageAttributeNames: ["All"],
          MessageSystemAttributeNames: ["ApproximateReceiveCount", "MessageGroupId", "SentTimestamp"],
        }),
        { abortSignal: AbortSignal.any([abortSignal, AbortSignal.timeout(waitTimeSeconds * 1_000 + callTimeoutMs)]) },
      );
      return { messages, span: traceCall("receive", messages, since) };
    },
    remove,
    hide: (ReceiptHandle, VisibilityTimeout) => hide({ ReceiptHandle, VisibilityTimeout }),
  };
}
