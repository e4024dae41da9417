import { GetQueueAttributesCommand, GetQueueUrlCommand, QueueDoesNotExist, type SQSClient } from "@aws-sdk/client-sqs";
import { type Account, createClients, inTime } from "./sns-sqs/clients.ts";
import { deadLetterQueueName, queueName } from "./sns-sqs/names.ts";
import { createPublisher } from "./sns-sqs/publisher.ts";
import { createSubscriber } from "./sns-sqs/subscriber.ts";
import type { Transport } from "./transport.ts";

export type SnsSqsTransportOptions = Account & {
  /** In front of the name of every topic and queue, `dev`: one per environment. Its dots become dashes. */
  readonly namespace: string;
  /**
   * The queues' visibility timeout, in seconds, 1 to 43,200. Receivers of this transport hide a message for 10 s, then
   * for 30 s at a time while its handler runs, and never longer than this at a time; beyond that it is for other
   * receivers. Default: 180, which is six times a handler's time limit.
   */
  readonly visibilityTimeoutSeconds?: number;
  /**
   * How long a receive waits for a message, in seconds, 1 to 20. Default: 20, and 1 with `endpoint`, because emulators
   * hand messages to a poller that has gone, and those stay hidden until its lease is over.
   */
  readonly waitTimeSeconds?: number;
};

/**
 * SNS to SQS, on AWS or an emulator of it: a standard topic per type, and a standard queue with a dead-letter queue per
 * group. Topics, queues and subscriptions are declared when they are first used, and their names are
 * `dev-order-created`, `dev-billing` and `dev-billing-dlq`.
 *
 * There is no order: what is published later may arrive earlier. SNS keeps nothing: a message reaches the groups that
 * had subscribed before it was published. SQS counts deliveries and not failures, so one that ended with the process
 * uses up an attempt as well.
 */
export function snsSqsTransport(options: SnsSqsTransportOptions): Transport {
  const {
    namespace,
    visibilityTimeoutSeconds = 180,
    waitTimeSeconds = options.endpoint === undefined ? 20 : 1,
  } = options;
  assertInteger("visibilityTimeoutSeconds", visibilityTimeoutSeconds, 43_200);
  assertInteger("waitTimeSeconds", waitTimeSeconds, 20);
  let sqs: SQSClient | undefined;
  return {
    name: "sns-sqs",
    connectPublisher: async () => createPublisher(options, namespace),
    connectSubscriber: async () => createSubscriber(options, { namespace, visibilityTimeoutSeconds, waitTimeSeconds }),
    /** SQS counts approximately; the emulator counts anew only when somebody receives. All types of a group share a queue. */
    async backlog(group) {
      sqs ??= createClients(options).sqs;
      const [waiting, deadLetters] = await Promise.all([
        countMessages(sqs, queueName(namespace, group)),
        countMessages(sqs, deadLetterQueueName(namespace, group)),
      ]);
      return { waiting, deadLetters };
    },
  };
}

/** All that is in the queue: what can be received, what somebody has received, and what is delayed. */
async function countMessages(sqs: SQSClient, QueueName: string): Promise<number> {
  try {
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName }), inTime());
    const { Attributes = {} } = await sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl,
        AttributeNames: [
          "ApproximateNumberOfMessages",
          "ApproximateNumberOfMessagesNotVisible",
          "ApproximateNumberOfMessagesDelayed",
        ],
      }),
      inTime(),
    );
    return Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
  } catch (error) {
    if (error instanceof QueueDoesNotExist) return 0;
    throw new Error(`SQS did not say what is in ${QueueName}`, { cause: error });
  }
}

function assertInteger(name: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new Error(`${name} is ${value}, expected an integer from 1 to ${most}`);
}
