import type { ChannelModel } from "amqplib";
import { createKeyQueue } from "../key-queue.ts";
import { withDefaults } from "../subscription.ts";
import type { Subscriber, Subscription } from "../transport.ts";
import { keepConnection } from "./connection.ts";
import { startConsumer } from "./consumer.ts";
import { type Copier, createCopier } from "./copier.ts";
import { createReceiver } from "./delivery.ts";
import type { KeptOpen } from "./keep-open.ts";
import type { Settings } from "./options.ts";
import { declareQueue, queueOf } from "./topology.ts";

/** What a handler that ran out of time still needs for its dead letter. */
const lastWordsMs = 5_000;

export async function connectSubscriber(settings: Settings): Promise<Subscriber> {
  const closing = new AbortController();
  const consumers: Promise<AsyncDisposable>[] = [];
  const opened = new AsyncDisposableStack();
  const connection = opened.use(await keepConnection(settings, "subscriber"));
  const copier = opened.use(createCopier(settings, closing.signal));
  opened.defer(async () => {
    await Promise.all(consumers.map(leave));
  });
  return {
    async subscribe(subscription) {
      if (closing.signal.aborted) throw new Error(`The subscriber is closed: ${subscription.group} needs a new one`);
      const consumer = consume(connection, subscription, copier, settings);
      consumers.push(consumer);
      await consumer;
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await opened.disposeAsync();
    },
  };
}

/** One that did not start has told who subscribed. */
async function leave(start: Promise<AsyncDisposable>): Promise<void> {
  const consumer = await start.catch(() => undefined);
  await consumer?.[Symbol.asyncDispose]();
}

async function consume(
  connection: KeptOpen<ChannelModel>,
  given: Subscription,
  copier: Copier,
  settings: Settings,
): Promise<AsyncDisposable> {
  const { namespace, work, onError } = settings;
  const subscription = withDefaults(given);
  const { group, types, concurrency, timeoutMs } = subscription;
  const queue = queueOf(namespace, group, types, work.types);
  const works = createKeyQueue(concurrency);
  return await startConsumer(connection, settings, {
    queue: queue.name,
    group,
    declare: (channel) => declareQueue(channel, namespace, queue),
    works,
    concurrency,
    patienceMs: timeoutMs + lastWordsMs,
    receive: (intake) => createReceiver({ ...intake, copier, works, namespace, queue, subscription }),
    onError,
  });
}
