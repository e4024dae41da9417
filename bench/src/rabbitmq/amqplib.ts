/** A confirm channel with a thousand messages under way, persistent; nothing is read from anywhere. */
import { type ConfirmChannel, connect } from "amqplib";
import type { Measure } from "../harness/bench.ts";
import { measurePublish } from "../harness/measure-publish.ts";
import { portionsOf } from "../harness/sample.ts";
import { declareQueue, exchangeOf, messages, readIds } from "./queue.ts";

const windowSize = 1_000;

type Outgoing = { readonly id: string; readonly type: string; readonly content: Buffer };

export const measure: Measure = async (place) => {
  await declareQueue(place);
  const connection = await connect(place.rabbitmq ?? "");
  const channel = await connection.createConfirmChannel();
  const outgoing = [...portionsOf(messages)].flat().map((sample): Outgoing => {
    return { id: sample.id, type: sample.type, content: Buffer.from(JSON.stringify(sample)) };
  });
  try {
    return await measurePublish(messages, {
      publish: () => publishAll(channel, exchangeOf(place), outgoing),
      readIds: () => readIds(place),
    });
  } finally {
    await connection.close();
  }
};

function publishAll(channel: ConfirmChannel, exchange: string, outgoing: readonly Outgoing[]): Promise<void> {
  const all = Promise.withResolvers<void>();
  let [next, confirmed] = [0, 0];
  const publishNext = () => {
    const message = outgoing[next++];
    if (message === undefined) return;
    const { id, type, content } = message;
    const options = { persistent: true, mandatory: true, messageId: id, type, contentType: "application/json" };
    channel.publish(exchange, type, content, options, (error: unknown) => {
      if (error !== null) all.reject(error);
      confirmed += 1;
      if (confirmed === outgoing.length) all.resolve();
      publishNext();
    });
  };
  for (let sent = 0; sent < windowSize; sent++) publishNext();
  return all.promise;
}
