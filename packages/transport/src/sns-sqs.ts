import type { SQSClient } from "@aws-sdk/client-sqs";
import { type Account, createClients } from "./sns-sqs/clients.ts";
import { createDeadLetterRoad } from "./sns-sqs/dead-letter-road.ts";
import { namesIn } from "./sns-sqs/names.ts";
import { createPublisher } from "./sns-sqs/publisher.ts";
import { findQueue } from "./sns-sqs/queues.ts";
import { createSubscriber } from "./sns-sqs/subscriber.ts";
import type { Transport } from "./transport.ts";

export { deadLetterQueueSettings, queueSettings } from "./sns-sqs/settings.ts";

export type SnsSqsTransportOptions = Account & {
  /** In front of the name of every topic and queue, `dev`: one per environment. Its dots become dashes. */
  readonly namespace: string;
  /** FIFO topics and queues: their names end in `.fifo`, and the key is the message group. Default: false. */
  readonly fifo?: boolean;
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
 * SNS to SQS, on AWS or an emulator of it: a topic per type, and per group a queue, `dev-billing`, with two dead-letter
 * queues: `dev-billing-dlq` for what the group could not handle, and `dev-billing-undelivered` for what SNS could not deliver
 * to it. They are declared when they are first used; where all is there, that needs the rights to read it, to create
 * topics (which is how SNS tells an ARN) and to subscribe.
 *
 * Standard topics and queues promise no order: what is published later may arrive earlier. With `fifo`, messages of one
 * key and type come in the order published, one at a time; across types only as far as SNS is as fast for one topic as
 * for the other. A message published twice within five minutes is then one.
 *
 * SNS keeps nothing: a message reaches the groups that had subscribed before it was published. SQS counts deliveries and
 * not failures, so one that ended with the process uses up an attempt as well. On FIFO that is so for all messages of a
 * key that the process had in hand: after three such ends, they are in the dead letters, in order.
 */
export function snsSqsTransport(options: SnsSqsTransportOptions): Transport {
  const {
    namespace,
    fifo = false,
    visibilityTimeoutSeconds = 180,
    waitTimeSeconds = options.endpoint === undefined ? 20 : 1,
  } = options;
  assertInteger("visibilityTimeoutSeconds", visibilityTimeoutSeconds, 43_200);
  assertInteger("waitTimeSeconds", waitTimeSeconds, 20);
  const names = namesIn(namespace, fifo);
  const settings = { names, fifo, visibilityTimeoutSeconds, waitTimeSeconds };
  const { sqs } = createClients(options);
  return {
    name: fifo ? "sns-sqs-fifo" : "sns-sqs",
    destinationOf: (type) => ({ system: "aws.sns", destination: names.topic(type) }),
    connectPublisher: async () => createPublisher(options, names, fifo),
    connectSubscriber: async () => createSubscriber(options, settings),
    /** SQS counts approximately; the emulator counts anew only when somebody receives. All types of a group share a queue. */
    async backlog(group) {
      const queues = [names.queue(group), names.deadLetters(group), names.undelivered(group)];
      const [waiting = 0, ...setAside] = await Promise.all(queues.map((name) => countMessages(sqs, name)));
      return { waiting, deadLetters: setAside.reduce((sum, count) => sum + count, 0) };
    },
    deadLetters: createDeadLetterRoad(sqs, settings),
  };
}

/** All that is in the queue: what can be received, what somebody has received, and what is delayed. */
async function countMessages(sqs: SQSClient, name: string): Promise<number> {
  try {
    const { attributes = {} } = (await findQueue(sqs, name)) ?? {};
    return ["", "NotVisible", "Delayed"].reduce(
      (sum, state) => sum + Number(attributes[`ApproximateNumberOfMessages${state}`] ?? 0),
      0,
    );
  } catch (error) {
    throw new Error(`SQS did not say what is in ${name}`, { cause: error });
  }
}

function assertInteger(name: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new Error(`${name} is ${value}, expected an integer from 1 to ${most}`);
}
