import { type Message, QueueDoesNotExist } from "@aws-sdk/client-sqs";
import { type Envelope, parseEnvelope } from "@throughline/envelope";
import { createKeyQueue, type KeyQueue } from "../key-queue.ts";
import { attemptEnvelope, type Verdict } from "../process.ts";
import { toError } from "../reason.ts";
import { type CompleteSubscription, retryDelayMs, tellFailure } from "../subscription.ts";
import type { Clients } from "./clients.ts";
import { keepLeases } from "./leases.ts";
import { openQueue } from "./queue.ts";
import { startReceiver } from "./receiver.ts";
import { type Outcome, settle } from "./settle.ts";
import { declareGroup, type GroupQueues } from "./topology.ts";

export type GroupOptions = {
  readonly namespace: string;
  readonly visibilityTimeoutSeconds: number;
  readonly waitTimeSeconds: number;
};

/** The subscriptions of one subscriber to one group. They share its queue, and each handles its own types. */
export type Group = AsyncDisposable & { add(subscription: CompleteSubscription): Promise<void> };

type Member = { readonly subscription: CompleteSubscription; readonly turns: KeyQueue };

// What a crashed process had just received comes back after the first, what it was at work on after the second.
const firstLeaseSeconds = 10;
const longestLeaseSeconds = 30;

export function createGroup(clients: Clients, options: GroupOptions, group: string): Group {
  const { namespace, visibilityTimeoutSeconds, waitTimeSeconds } = options;
  const firstSeconds = Math.min(visibilityTimeoutSeconds, firstLeaseSeconds);
  const seconds = Math.min(visibilityTimeoutSeconds, longestLeaseSeconds);
  const members = new Map<string, Member>();
  const stops: (() => Promise<void>)[] = [];
  let isClosed = false;

  return {
    async add(subscription) {
      const taken = subscription.types.filter((type) => members.has(type));
      if (taken.length > 0) throw new Error(`${group} has a subscription to ${taken.join(", ")} already`);
      const member = { subscription, turns: createKeyQueue(subscription.concurrency) };
      for (const type of subscription.types) members.set(type, member);
      try {
        const queues = await declare();
        if (isClosed) throw new Error("This subscriber is closed");
        stops.push(startMember(member, queues));
      } catch (error) {
        for (const type of subscription.types) members.delete(type);
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      await Promise.all(stops.map((stop) => stop()));
    },
  };

  async function declare(): Promise<GroupQueues> {
    const maxReceiveCount = Math.max(...[...members.values()].map(({ subscription }) => subscription.attempts));
    const types = [...members.keys()];
    try {
      return await declareGroup(clients, { namespace, group, types, visibilityTimeoutSeconds, maxReceiveCount });
    } catch (cause) {
      throw new Error(`Group ${group} cannot be declared: ${toError(cause).message}`, { cause });
    }
  }

  /** Returns how to stop it: what has not begun goes back, and the promise resolves when all else is settled. */
  function startMember({ subscription, turns }: Member, queues: GroupQueues): () => Promise<void> {
    const queue = openQueue(clients.sqs, queues.url, firstSeconds);
    const tell = (error: Error) => tellFailure(subscription, { error, deadLettered: false });
    const extend = (receiptHandle: string) => queue.hide(receiptHandle, seconds);
    const leases = keepLeases({ firstSeconds, seconds, extend, onLost: tell });
    const stop = startReceiver({
      receive: queue.receive,
      concurrency: subscription.concurrency,
      waitTimeSeconds,
      async work(message) {
        const letGo = leases.hold(message.ReceiptHandle ?? "");
        const outcome = await attempt(message, queues.name, subscription);
        return () => settle(message, outcome, { sqs: clients.sqs, queue, queues, letGo });
      },
      async onError(error) {
        tell(new Error(`Nothing can be received from ${queues.name} now`, { cause: error }));
        if (error instanceof QueueDoesNotExist) await declare().catch((cause: unknown) => tell(toError(cause)));
      },
    });
    return async () => {
      await Promise.all([turns.stop(), stop()]);
      leases[Symbol.dispose]();
    };
  }

  async function attempt(message: Message, queueName: string, receiver: CompleteSubscription): Promise<Outcome> {
    const count = Number(message.Attributes?.ApproximateReceiveCount ?? 1);
    let envelope: Envelope;
    try {
      envelope = parseEnvelope(message.Body ?? "");
    } catch (thrown) {
      return { verdict: { kind: "dead", error: toError(thrown) }, attempt: count, subscription: receiver };
    }
    const member = members.get(envelope.type);
    if (member === undefined) {
      return { verdict: strange(envelope, count, receiver), attempt: count, envelope, subscription: receiver };
    }
    const { subscription, turns } = member;
    const traceparent = message.MessageAttributes?.traceparent?.StringValue;
    const arrival = { system: "aws_sqs", destination: queueName, traceparent };
    let verdict: Outcome["verdict"] = { kind: "unbegun" };
    await turns.add(message.ReceiptHandle ?? "", async () => {
      verdict = await attemptEnvelope(subscription, envelope, count, arrival);
      return undefined;
    });
    return { verdict, attempt: count, envelope, subscription };
  }

  /** The queue gets a type that nobody here handles: in a rolling deployment, another process may. */
  function strange({ type }: Envelope, count: number, receiver: CompleteSubscription): Verdict {
    const error = new Error(`${group} has no subscription to ${type} in this process`);
    if (count >= receiver.attempts) return { kind: "dead", error };
    return { kind: "retry", delayMs: retryDelayMs(receiver, count), error };
  }
}
