import { AsyncResource } from "node:async_hooks";
import { type Envelope, serializeEnvelope } from "@throughline/envelope";
import type { Pause } from "./key-queue.ts";
import {
  createMemoryBroker,
  type Member,
  type MemoryBroker,
  type MemoryGroup,
  type MemoryMessage,
} from "./memory/broker.ts";
import { attemptBytes } from "./process.ts";
import { reasonOf } from "./reason.ts";
import { type CompleteSubscription, tellFailure, withDefaults } from "./subscription.ts";
import type { Publisher, Subscriber, Subscription, Transport } from "./transport.ts";

export { createMemoryBroker, type MemoryBroker } from "./memory/broker.ts";

export type MemoryTransportOptions = {
  /** Default: `dev`. */
  readonly namespace?: string;
  /** Transports that share it meet. Default: a broker of its own. */
  readonly broker?: MemoryBroker;
};

/** A broker inside this process, with the semantics of a real one and the lifetime of the process. */
export function memoryTransport({
  namespace = "dev",
  broker = createMemoryBroker(),
}: MemoryTransportOptions = {}): Transport {
  return {
    name: "memory",
    connectPublisher: async () => createPublisher(broker, namespace),
    connectSubscriber: async () => createSubscriber(broker, namespace),
    async backlog(group, types) {
      const { queue, deadLetters } = broker.group(namespace, group);
      return { waiting: queue.size, deadLetters: deadLetters.filter(({ type }) => types.includes(type)).length };
    },
  };
}

function createPublisher(broker: MemoryBroker, namespace: string): Publisher {
  let isClosed = false;
  return {
    async publish(envelopes) {
      if (isClosed) throw new Error("This publisher is closed");
      for (const message of envelopes.map(toMessage)) broker.publish(namespace, message);
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
    },
  };
}

function toMessage(envelope: Envelope): MemoryMessage {
  const { type, key, traceparent } = envelope;
  return { type, key, traceparent, body: Buffer.from(serializeEnvelope(envelope)) };
}

function createSubscriber(broker: MemoryBroker, namespace: string): Subscriber {
  const leaving: (() => Promise<void>)[] = [];
  let isClosed = false;
  return {
    async subscribe(subscription) {
      if (isClosed) throw new Error("This subscriber is closed");
      leaving.push(join(broker.group(namespace, subscription.group), subscription));
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      await Promise.all(leaving.map((leave) => leave()));
    },
  };
}

/** Returns how to leave: the group keeps what waits, and the promise resolves when the last handler has ended. */
function join(group: MemoryGroup, incomplete: Subscription): () => Promise<void> {
  const subscription = withDefaults(incomplete);
  const deliver: Member["deliver"] = (message, attempt) => deliverMessage(group, subscription, message, attempt);
  const member: Member = {
    concurrency: subscription.concurrency,
    inFlight: new Set(),
    // Handlers run in the context of who subscribed; on no broker do they run in that of who published.
    deliver: AsyncResource.bind(deliver),
  };
  for (const type of subscription.types) group.types.add(type);
  group.members.add(member);
  group.queue.advance();
  return async () => {
    group.members.delete(member);
    await Promise.all(member.inFlight);
  };
}

async function deliverMessage(
  group: MemoryGroup,
  subscription: CompleteSubscription,
  message: MemoryMessage,
  attempt: number,
): Promise<Pause | undefined> {
  const arrival = { system: "memory", destination: group.name, traceparent: message.traceparent };
  const { verdict, envelope } = await attemptBytes(subscription, message.body, attempt, arrival);
  if (verdict.kind === "done") return undefined;
  const { kind, error } = verdict;
  if (kind === "dead") group.deadLetters.push({ ...message, reason: reasonOf(error) });
  tellFailure(subscription, { error, deadLettered: kind === "dead", ...(envelope === undefined ? {} : { envelope }) });
  return kind === "retry" ? { delayMs: verdict.delayMs } : undefined;
}
