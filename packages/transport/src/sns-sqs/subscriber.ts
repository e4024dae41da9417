import { QueueDoesNotExist } from "@aws-sdk/client-sqs";
import { AwayError } from "../away-error.ts";
import { createKeyQueue } from "../key-queue.ts";
import { toError } from "../reason.ts";
import { type CompleteSubscription, tellFailure, withDefaults } from "../subscription.ts";
import type { Subscriber } from "../transport.ts";
import { type Account, type Clients, createClients, isAway } from "./clients.ts";
import { seeThrough } from "./delivery.ts";
import { keepLeases } from "./leases.ts";
import type { Names } from "./names.ts";
import { openQueue } from "./queue.ts";
import { startReceiver } from "./receiver.ts";
import { declareGroup } from "./topology.ts";

export type QueueSettings = {
  readonly names: Names;
  readonly fifo: boolean;
  readonly visibilityTimeoutSeconds: number;
  readonly waitTimeSeconds: number;
};

/** What a crashed process had just received comes back after the first, what it was at work on after the second. */
const firstLeaseSeconds = 10;
const longestLeaseSeconds = 30;
/** Deletes are in no hurry; but on FIFO, what is behind in the group waits for them. */
const gather = { standardMs: 50, fifoMs: 2 };
const gatherReceivesMs = 20;

export function createSubscriber(account: Account, settings: QueueSettings): Subscriber {
  const clients = createClients(account);
  const stops = new Map<string, () => Promise<void>>();
  let isClosed = false;
  return {
    async subscribe(incomplete) {
      if (isClosed) throw new Error("This subscriber is closed");
      const subscription = withDefaults(incomplete);
      const { group } = subscription;
      if (stops.has(group)) throw new Error(`${group} has a subscription here already: give it all types of the group`);
      stops.set(group, async () => {});
      try {
        const start = await prepare(clients, settings, subscription);
        if (isClosed) throw new Error("This subscriber is closed");
        stops.set(group, start());
      } catch (error) {
        stops.delete(group);
        throw isAway(error) ? new AwayError(toError(error).message, { cause: error }) : error;
      }
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      await Promise.all([...stops.values()].map((stop) => stop()));
      clients.destroy();
    },
  };
}

/** Declares what the group needs. Returns how to start receiving, which returns how to stop. */
async function prepare(
  clients: Clients,
  settings: QueueSettings,
  subscription: CompleteSubscription,
): Promise<() => () => Promise<void>> {
  const { fifo, waitTimeSeconds, visibilityTimeoutSeconds } = settings;
  const queues = await declare();
  const seconds = Math.min(visibilityTimeoutSeconds, longestLeaseSeconds);
  const firstSeconds = Math.min(visibilityTimeoutSeconds, firstLeaseSeconds);
  const tell = (error: Error) => tellFailure(subscription, { error, deadLettered: false });

  return () => {
    const gatherMs = fifo ? gather.fifoMs : gather.standardMs;
    const { group } = subscription;
    const queue = openQueue(clients.sqs, queues.url, {
      name: queues.name,
      group,
      leaseSeconds: firstSeconds,
      gatherMs,
    });
    const extend = (receiptHandle: string) => queue.hide(receiptHandle, seconds);
    const leases = keepLeases({ firstSeconds, seconds, extend, onLost: tell });
    const works = createKeyQueue(subscription.concurrency);
    const intake = { sqs: clients.sqs, queue, queues, works, leases, fifo, subscription };
    const stop = startReceiver({
      receive: queue.receive,
      handle: (message, received) => seeThrough(message, received, intake),
      works,
      waitTimeSeconds,
      gatherMs: fifo ? 0 : gatherReceivesMs,
      async onError(error) {
        tell(new Error(`Nothing can be received from ${queues.name} now`, { cause: error }));
        if (error instanceof QueueDoesNotExist) await declare().catch((cause: unknown) => tell(toError(cause)));
      },
    });
    return async () => {
      await stop();
      leases[Symbol.dispose]();
    };
  };

  function declare() {
    const { group, types, attempts: maxReceiveCount } = subscription;
    return declareGroup(clients, settings.names, { group, types, visibilityTimeoutSeconds, maxReceiveCount });
  }
}
