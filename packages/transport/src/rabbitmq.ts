import { readBacklog } from "./rabbitmq/backlog.ts";
import { deadLetterRoad } from "./rabbitmq/dead-letters.ts";
import type { RabbitmqOptions, Settings } from "./rabbitmq/options.ts";
import { connectPublisher, exchangeFor } from "./rabbitmq/publisher.ts";
import { connectSubscriber } from "./rabbitmq/subscriber.ts";
import { toError } from "./reason.ts";
import type { Transport } from "./transport.ts";

export { definitionsOf } from "./rabbitmq/inventory.ts";
export type { RabbitmqOptions, Work } from "./rabbitmq/options.ts";

/**
 * RabbitMQ, from 3.10 on. Events go through the topic exchange `<namespace>.events` into one replicated queue per group,
 * `<namespace>.<group>`; work goes through the direct exchange `<namespace>.work` into a priority queue. All of it is
 * durable and declared on the way, and every message is persistent. The types of a subscription to events may be patterns:
 * `order.#`, `*.completed`.
 *
 * Publishing is confirmed by the broker, message by message, a thousand at a time. One that no queue takes is a failure:
 * subscribe first. Both ends come back by themselves, for ever, when the broker or the line to it was gone.
 *
 * A subscriber holds as many messages as its `concurrency`, and more only while those it holds wait. The order of a key
 * holds while one consumer reads the queue. Consumers of a group share it as they come, and a message that one of them
 * gives back may then be behind later ones.
 *
 * A message that fails is tried again in its place, and a delivery without an outcome counts as an attempt: its consumer
 * died, or lost its connection, or, before RabbitMQ 4.3, gave it back. After its attempts it goes to
 * `<namespace>.<group>.dlq` as it came, with the headers `x-error-name`, `x-error-message`, `x-error-stack`,
 * `x-original-exchange`, `x-original-routing-key`, `x-failed-at` and `x-attempts`. What nobody lives long enough to set
 * aside, the broker does after 20 deliveries, with its own `x-death`.
 */
export function rabbitmqTransport({ url, tls = {}, namespace, work, onError = warn }: RabbitmqOptions): Transport {
  const settings: Settings = {
    url,
    tls,
    namespace,
    work: work ?? { types: [], priority: () => 0 },
    onError: (error) => tell(onError, error),
    connections: new Map(),
    consumers: new Set(),
  };
  return {
    name: "rabbitmq",
    destinationOf: (type) => ({ system: "rabbitmq", destination: `${exchangeFor(settings, type)}:${type}` }),
    connectPublisher: () => connectPublisher(settings),
    connectSubscriber: () => connectSubscriber(settings),
    backlog: (group) => readBacklog(settings, group),
    deadLetters: deadLetterRoad(settings),
  };
}

function warn(error: Error): void {
  process.emitWarning(error);
}

/** The transport goes on, whatever its listener does. */
function tell(onError: (error: Error) => void, error: Error): void {
  try {
    onError(error);
  } catch (thrown) {
    warn(toError(thrown));
  }
}
