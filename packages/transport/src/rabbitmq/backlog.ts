import type { ChannelModel } from "amqplib";
import type { Backlog } from "../transport.ts";
import { amqp, amqpCodeOf } from "./amqp-code.ts";
import { keepConnection } from "./connection.ts";
import type { KeptOpen } from "./keep-open.ts";
import type { Settings } from "./options.ts";

const answerMs = 5_000;

/**
 * Counts what is ready for delivery and what the consumers of this transport have in hand. What consumers elsewhere hold
 * and have not acknowledged, at most their concurrency, is in no answer that AMQP gives. The question goes over a
 * connection that is open anyway, if there is one, and else over one for the moment.
 */
export async function readBacklog(settings: Settings, group: string): Promise<Backlog> {
  const queue = `${settings.namespace}.${group}`;
  const [shared] = settings.connections;
  if (shared) return count(shared, queue, settings);
  await using connection = await keepConnection(settings, "backlog");
  return await count(connection, queue, settings);
}

async function count(connection: KeptOpen<ChannelModel>, queue: string, { consumers }: Settings): Promise<Backlog> {
  const { promise: silence, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`RabbitMQ did not answer for ${answerMs} ms`)), answerMs);
  const ready = connection
    .current()
    .then((model) => Promise.all([countReady(model, queue), countReady(model, `${queue}.dlq`)]));
  try {
    const [waiting, deadLetters] = await Promise.race([ready, silence]);
    const inHand = [...consumers].filter((consumer) => consumer.queue === queue).map(({ works }) => works.size);
    return { waiting: inHand.reduce((sum, size) => sum + size, waiting), deadLetters };
  } finally {
    clearTimeout(timer);
  }
}

async function countReady(model: ChannelModel, queue: string): Promise<number> {
  const channel = await model.createChannel();
  // The check rejects with the same error.
  channel.on("error", () => undefined);
  try {
    const { messageCount } = await channel.checkQueue(queue);
    await channel.close();
    return messageCount;
  } catch (error) {
    // No such queue: nothing waits there, and the broker has closed the channel.
    if (amqpCodeOf(error) === amqp.notFound) return 0;
    throw error;
  }
}
