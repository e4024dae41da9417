import type { Transport } from "@throughline/transport";
import { rabbitmqTransport } from "@throughline/transport/rabbitmq";
import { connect } from "amqplib";
import type { Place } from "../harness/bench.ts";

export const messages = 20_000;

export function transportOf({ rabbitmq = "", namespace }: Place): Transport {
  return rabbitmqTransport({ url: rabbitmq, namespace });
}

export function exchangeOf({ namespace }: Place): string {
  return `${namespace}.events`;
}

/** The same exchange and quorum queue for everybody: as a group of ours declares them. */
export async function declareQueue(place: Place): Promise<void> {
  await using subscriber = await transportOf(place).connectSubscriber();
  const handler = () => Promise.reject(new Error("Nothing was sent yet"));
  await subscriber.subscribe({ group: "billing", types: ["order.created"], handler });
}

/** The message ids of all that is in the queue, which is deleted. */
export async function readIds({ rabbitmq = "", namespace }: Place): Promise<string[]> {
  const connection = await connect(rabbitmq);
  const channel = await connection.createChannel();
  const queue = `${namespace}.billing`;
  await channel.prefetch(1_000);
  const ids: string[] = [];
  const total = (await channel.checkQueue(queue)).messageCount;
  const all = Promise.withResolvers<void>();
  if (total === 0) all.resolve();
  await channel.consume(queue, (message) => {
    if (message === null) return;
    ids.push(String(message.properties.messageId));
    channel.ack(message);
    if (ids.length === total) all.resolve();
  });
  await all.promise;
  await channel.deleteQueue(queue);
  await connection.close();
  return ids;
}
