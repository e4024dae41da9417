import type { Channel } from "amqplib";
import { amqp, amqpCodeOf } from "./refusal.ts";

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

export type Exchange = { readonly name: string; readonly type: "topic" | "direct" };
export type DeclaredQueue = { readonly name: string; readonly arguments: Readonly<Record<string, string | number>> };
export type Binding = { readonly source: string; readonly destination: string; readonly routingKey: string };

/** All exchanges of a namespace, durable. */
export function exchangesOf(namespace: string): Exchange[] {
  const types = { events: "topic", work: "direct", dead: "direct" } as const;
  const kinds = ["events", "work", "dead"] as const;
  return kinds.map((kind) => ({ name: exchangeOf(namespace, kind), type: types[kind] }));
}

/** What belongs to the queue of a group, in the order of declaring it: durable queues, and what is bound to them. */
export function declarationsOf(
  namespace: string,
  queue: Queue,
): { readonly queues: readonly DeclaredQueue[]; readonly bindings: readonly Binding[] } {
  const dead = exchangeOf(namespace, "dead");
  const source = exchangeOf(namespace, queue.kind);
  return {
    queues: [
      { name: queue.deadLetters, arguments: quorumQueue({ "x-delivery-limit": unlimited }) },
      {
        name: queue.name,
        arguments: {
          ...(queue.kind === "work" ? priorityQueue : guardedQueue),
          "x-dead-letter-exchange": dead,
          "x-dead-letter-routing-key": queue.name,
        },
      },
    ],
    bindings: [
      { source: dead, destination: queue.deadLetters, routingKey: queue.name },
      ...queue.types.map((routingKey) => ({ source, destination: queue.name, routingKey })),
    ],
  };
}

/** What is there already stays as it is; what is there with other settings is an error that says so. */
export async function declareExchanges(channel: Channel, namespace: string): Promise<void> {
  for (const { name, type } of exchangesOf(namespace)) {
    await explained(`Exchange ${name}`, channel.assertExchange(name, type, { durable: true }));
  }
}

/** Declares the exchanges, the queue, its dead-letter queue and their bindings. What was bound before stays bound. */
export async function declareQueue(channel: Channel, namespace: string, queue: Queue): Promise<void> {
  await declareExchanges(channel, namespace);
  await declare(channel, declarationsOf(namespace, queue), [queue.deadLetters, queue.name]);
}

/** Declares the exchanges and the dead-letter queue alone: letters are drained also where no consumer runs. */
export async function declareDeadLetters(channel: Channel, namespace: string, queue: Queue): Promise<void> {
  await declareExchanges(channel, namespace);
  await declare(channel, declarationsOf(namespace, queue), [queue.deadLetters]);
}

async function declare(
  channel: Channel,
  { queues, bindings }: ReturnType<typeof declarationsOf>,
  names: readonly string[],
): Promise<void> {
  for (const { name, arguments: own } of queues.filter(({ name }) => names.includes(name))) {
    await explained(`Queue ${name}`, channel.assertQueue(name, { durable: true, arguments: own }));
  }
  for (const { source, destination, routingKey } of bindings.filter(({ destination }) => names.includes(destination))) {
    await channel.bindQueue(destination, source, routingKey);
  }
}

/** Deliveries without an outcome before a message is taken for one that kills its consumers. RabbitMQ 4's default. */
export const deliveryLimit = 20;

// A dead letter is looked at as often as one likes; 4.x would drop it after 20 looks, and 3.10 knows no -1 for "never".
const unlimited = 2 ** 31 - 1;

// Quorum queues have no priorities before 4.0, and two instead of ten until 4.3. The type is named because a virtual host
// may have another default.
const priorityQueue = { "x-queue-type": "classic", "x-max-priority": 9 };

// Without `at-least-once`, which needs `reject-publish`, the broker may lose what it dead-letters itself.
const guardedQueue = quorumQueue({
  "x-delivery-limit": deliveryLimit,
  "x-dead-letter-strategy": "at-least-once",
  "x-overflow": "reject-publish",
});

function quorumQueue(settings: Record<string, string | number>): Record<string, string | number> {
  return { "x-queue-type": "quorum", ...settings };
}

async function explained(what: string, declared: Promise<unknown>): Promise<void> {
  try {
    await declared;
  } catch (cause) {
    if (amqpCodeOf(cause) !== amqp.preconditionFailed) throw cause;
    throw new Error(
      `${what} is there with other settings (${differenceIn(cause)}), which RabbitMQ cannot change: drain and delete it, ` +
        "and it is declared anew by itself; or choose another name",
      { cause },
    );
  }
}

/** The broker names the first argument that differs: `inequivalent arg 'x' for …: received … but current is …`. */
function differenceIn(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  const plain = text.replaceAll(/the value ('.*?') of type '\w+'/g, "$1");
  const [, name, asked, there] =
    /inequivalent arg '(.+?)' for .*?: received (.+) but current is (.+?)"?$/.exec(plain) ?? [];
  return name === undefined ? text : `${name}: asked for ${asked}, is ${there}`;
}
