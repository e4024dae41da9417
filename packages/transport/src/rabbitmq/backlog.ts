import type { ChannelModel } from "amqplib";
import type { Backlog } from "../transport.ts";
import { askBroker } from "./connection.ts";
import type { Settings } from "./options.ts";
import { amqp, amqpCodeOf } from "./refusal.ts";

/**
 * Counts what is ready for delivery and what the consumers of this transport have in hand. What consumers elsewhere hold
 * and have not acknowledged, at most their concurrency, is in no answer that AMQP gives.
 */
export async function readBacklog(settings: Settings, group: string): Promise<Backlog> {
  const queue = `${settings.namespace}.${group}`;
  const queues = [queue, `${queue}.dlq`];
  const [waiting = 0, deadLetters = 0] = await askBroker(settings, "question", (model) =>
    Promise.all(queues.map(async (name) => (await countReady(model, name)) + countInHand(settings, name))),
  );
  return { waiting, deadLetters };
}

function countInHand({ consumers }: Settings, queue: string): number {
  return [...consumers]
    .filter((consumer) => consumer.queue === queue)
    .map(({ works }) => works.size)
    .reduce((sum, size) => sum + size, 0);
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
