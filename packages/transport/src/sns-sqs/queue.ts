import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { createBatcher } from "./batcher.ts";
import { callTimeoutMs, inTime } from "./clients.ts";

const hideGatherMs = 5;

/** The calls a receiver makes. Those that settle a message are gathered into batches, and tried again. */
export type Queue = {
  /** Long-polls for up to ten messages, which then are hidden from other receivers for `leaseSeconds`. */
  receive(most: number, waitTimeSeconds: number, abortSignal: AbortSignal): Promise<Message[]>;
  /** Deletes the message: it is done. */
  remove(receiptHandle: string): Promise<void>;
  /** From now on the message is hidden for `seconds`; 0 gives it to the next receiver at once. */
  hide(receiptHandle: string, seconds: number): Promise<void>;
};

export type QueueOptions = {
  /** For how long a receive hides what it gets. */
  readonly leaseSeconds: number;
  /** How long a delete waits for others to share its call, in milliseconds. On FIFO the group waits as well. */
  readonly gatherMs: number;
};

export function openQueue(sqs: SQSClient, QueueUrl: string, { leaseSeconds, gatherMs }: QueueOptions): Queue {
  const remove = createBatcher<{ readonly ReceiptHandle: string }>(gatherMs, (Entries) =>
    sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: [...Entries] }), inTime()),
  );
  const hide = createBatcher<{ readonly ReceiptHandle: string; readonly VisibilityTimeout: number }>(
    hideGatherMs,
    (Entries) => sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries: [...Entries] }), inTime()),
  );
  return {
    async receive(most, waitTimeSeconds, abortSignal) {
      const { Messages = [] } = await sqs.send(
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
      return Messages;
    },
    remove: (ReceiptHandle) => remove({ ReceiptHandle }),
    hide: (ReceiptHandle, VisibilityTimeout) => hide({ ReceiptHandle, VisibilityTimeout }),
  };
}
