import type { Channel, Options } from "amqplib";
import { amqp, amqpCodeOf } from "./amqp-code.ts";

/** An event goes to every group that asks for its type; work goes into one queue, the urgent first. */
export type Kind = "events" | "work";

export type Queue = {
  readonly name: string;
  readonly deadLetters: string;
  readonly kind: Kind;
  readonly types: readonly string[];
};

/** The queue of a group. Throws where it would hold both kinds: they differ in order, priority and exchange. */
export function queueOf(
  namespace: string,
  group: string,
  types: readonly string[],
  workTypes: readonly string[],
): Queue {
  const { work = [], events = [] } = Object.groupBy(types, (type) => (workTypes.includes(type) ? "work" : "events"));
  if (work.length > 0 && events.length > 0) {
    throw new Error(
      `${group} asks for work (${work.join(", ")}) and for events (${events.join(", ")}): give each a group of its own`,
    );
  }
  const name = `${namespace}.${group}`;
  return { name, deadLetters: `${name}.dlq`, kind: work.length > 0 ? "work" : "events", types };
}

export function exchangeOf(namespace: string, kind: Kind | "dead"): string {
  return `${namespace}.${kind}`;
}

/** What is there already stays as it is; what is there with other settings is an error that says so. */
export async function declareExchanges(channel: Channel, namespace: string): Promise<void> {
  for (const [kind, type] of Object.entries({ events: "topic", work: "direct", dead: "direct" })) {
    const name = `${namespace}.${kind}`;
    await explained(`Exchange ${name}`, channel.assertExchange(name, type, { durable: true }));
  }
}

/** Declares the exchanges, the queue, its dead-letter queue and their bindings. What was bound before stays bound. */
export async function declareQueue(channel: Channel, namespace: string, queue: Queue): Promise<void> {
  const dead = exchangeOf(namespace, "dead");
  await declareExchanges(channel, namespace);
  await assertQueue(channel, queue.deadLetters, quorumQueue({ "x-delivery-limit": unlimited }));
  await channel.bindQueue(queue.deadLetters, dead, queue.name);
  await assertQueue(channel, queue.name, {
    ...(queue.kind === "work" ? priorityQueue : guardedQueue),
    deadLetterExchange: dead,
    deadLetterRoutingKey: queue.name,
  });
  for (const type of queue.types) await channel.bindQueue(queue.name, exchangeOf(namespace, queue.kind), type);
}

/** Deliveries without an outcome before a message is taken for one that kills its consumers. RabbitMQ 4's default. */
export const deliveryLimit = 20;

// A dead letter is looked at as often as one likes; 4.x would drop it after 20 looks, and 3.10 knows no -1 for "never".
const unlimited = 2 ** 31 - 1;

// Quorum queues have no priorities before 4.0, and two instead of ten until 4.3. The type is named because a virtual host
// may have another default.
const priorityQueue: Options.AssertQueue = {
  durable: true,
  arguments: { "x-queue-type": "classic", "x-max-priority": 9 },
};

// Without `at-least-once`, which needs `reject-publish`, the broker may lose what it dead-letters itself.
const guardedQueue = quorumQueue({
  "x-delivery-limit": deliveryLimit,
  "x-dead-letter-strategy": "at-least-once",
  "x-overflow": "reject-publish",
});

function quorumQueue(settings: Record<string, string | number>): Options.AssertQueue {
  return { durable: true, arguments: { "x-queue-type": "quorum", ...settings } };
}

async function assertQueue(channel: Channel, name: string, options: Options.AssertQueue): Promise<void> {
  await explained(`Queue ${name}`, channel.assertQueue(name, options));
}

async function explained(what: string, declared: Promise<unknown>): Promise<void> {
  try {
    await declared;
  } catch (cause) {
    if (amqpCodeOf(cause) !== amqp.preconditionFailed) throw cause;
    throw new Error(
      `${what} is there with other settings, which RabbitMQ cannot change: empty and delete it, or choose another name`,
      { cause },
    );
  }
}
