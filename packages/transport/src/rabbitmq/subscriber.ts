import type { ChannelModel, ConfirmChannel } from "amqplib";
import { createKeyQueue } from "../key-queue.ts";
import { withDefaults } from "../subscription.ts";
import type { Subscriber, Subscription } from "../transport.ts";
import { sendConfirmed } from "./confirms.ts";
import { keepChannel, keepConnection, waitAtMost } from "./connection.ts";
import { seeThrough } from "./delivery.ts";
import type { KeptOpen } from "./keep-open.ts";
import type { Settings } from "./options.ts";
import { declareQueue, queueOf } from "./topology.ts";

const cancelMs = 2_000;
/** What a handler that ran out of time still needs for its dead letter. */
const lastWordsMs = 5_000;

export async function connectSubscriber(settings: Settings): Promise<Subscriber> {
  const connection = await keepConnection(settings, "subscriber");
  const consumers: AsyncDisposable[] = [];
  return {
    async subscribe(subscription) {
      consumers.push(await startConsumer(connection, subscription, settings));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(consumers.map((consumer) => consumer[Symbol.asyncDispose]()));
      await connection[Symbol.asyncDispose]();
    },
  };
}

/** One channel, which is opened again with queue, bindings and consumer whenever it is lost or the consumer cancelled. */
async function startConsumer(
  connection: KeptOpen<ChannelModel>,
  given: Subscription,
  { namespace, work, onError, consumers }: Settings,
): Promise<AsyncDisposable> {
  const subscription = withDefaults(given);
  const queue = queueOf(namespace, subscription.group, subscription.types, work.types);
  const works = createKeyQueue(subscription.concurrency);
  const channel = await keepChannel(connection, consume, onError);
  const consumer = { queue: queue.name, works };
  consumers.add(consumer);

  return {
    async [Symbol.asyncDispose]() {
      const open = channel.now();
      if (open) await waitAtMost(cancelMs, open.cancel());
      await waitAtMost(subscription.timeoutMs + lastWordsMs, works.stop());
      await channel[Symbol.asyncDispose]();
      consumers.delete(consumer);
    },
  };

  async function consume(channel: ConfirmChannel, lose: (error: Error) => void) {
    let isOpen = true;
    channel.on("close", () => {
      isOpen = false;
    });
    const send = sendConfirmed(channel);
    const intake = { channel, send, isOpen: () => isOpen, works, namespace, queue, subscription };
    await declareQueue(channel, namespace, queue);
    await channel.prefetch(subscription.concurrency);
    const { consumerTag } = await channel.consume(queue.name, (message) => {
      if (message) seeThrough(message, intake).catch(lose);
      else lose(new Error(`RabbitMQ ended the consumer of ${queue.name}`));
    });
    return { cancel: () => channel.cancel(consumerTag) };
  }
}
