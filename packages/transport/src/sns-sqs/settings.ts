import type { QueueAttributes } from "./queues.ts";

/** The longest that SQS knows: 14 days. */
export const deadLetterQueueSettings = { MessageRetentionPeriod: String(14 * 24 * 60 * 60) };

/** Of the queue that a group reads. A FIFO one throttles by key, not as a whole. */
export function queueSettings(visibilityTimeoutSeconds: number, fifo: boolean) {
  return {
    ...deadLetterQueueSettings,
    VisibilityTimeout: String(visibilityTimeoutSeconds),
    ReceiveMessageWaitTimeSeconds: "20",
    ...(fifo && { DeduplicationScope: "messageGroup", FifoThroughputLimit: "perMessageGroupId" }),
  };
}

export function topicSettings(fifo: boolean): QueueAttributes {
  return fifo ? { FifoThroughputScope: "MessageGroup" } : {};
}

export function isFifo(name: string): boolean {
  return name.endsWith(".fifo");
}
