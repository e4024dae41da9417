import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { createBatcher } from "./batcher.ts";
import { callTimeoutMs, inTime } from "./clients.ts";

/** The calls a receiver makes. Those that settle a message are gathered into batches, and tried again. */
export type Queue = {
  /** Long-polls for up to ten messages, which then are hidden from other receivers for `leaseSeconds`. */
  receive(most: number, waitTimeSeconds: number, abortSignal: AbortSignal): Promise<Message[]>;
  /** Deletes the message: it is done. */
  remove(receiptHandle: string): Promise<void>;
  /** From now on the message is hidden for `seconds`; 0 gives it to the next receiver at once. */
  hide(receiptHandle: string, seconds: number): Promise<void>;
};

export function openQueue(sqs: SQSClient, QueueUrl: string, leaseSeconds: number): Queue {
  const remove = createBatcher<{ readonly ReceiptHandle: string }>((Entries) =>
    sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: [...Entries] }), inTime()),
  );
  const hide = createBatcher<{ readonly ReceiptHandle: string; readonly VisibilityTimeout: number }>((Entries) =>
    sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries: [...Entries] }), inTime()),
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
          MessageSystemAttributeNames: ["ApproximateReceiveCount"],
        }),
        { abortSignal: AbortSignal.any([abortSignal, AbortSignal.timeout(waitTimeSeconds * 1_000 + callTimeoutMs)]) },
      );
      return Messages;
    },
    remove: (ReceiptHandle) => remove({ ReceiptHandle }),
    hide: (ReceiptHandle, VisibilityTimeout) => hide({ ReceiptHandle, VisibilityTimeout }),
  };
}
