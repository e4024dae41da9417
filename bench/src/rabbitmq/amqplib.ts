/** A confirm channel with a thousand messages under way, persistent; nothing is read from anywhere. */
import { serializeEnvelope } from "@throughline/envelope";
import { type ConfirmChannel, connect, type Options } from "amqplib";
import type { Measure } from "../harness/bench.ts";
import { measurePublish } from "../harness/measure-publish.ts";
import { envelopesOf } from "../harness/sample.ts";
import { declareQueue, exchangeOf, messages, readIds } from "./queue.ts";

const windowSize = 1_000;

type Outgoing = { readonly type: string; readonly content: Buffer; readonly options: Options.Publish };

export const measure: Measure = async (place) => {
  await declareQueue(place);
  const connection = await connect(place.rabbitmq ?? "");
  const channel = await connection.createConfirmChannel();
  const outgoing = envelopesOf(messages).map((envelope): Outgoing => {
    const { id, type, version, timestamp, source, correlationId } = envelope;
    const headers = { schemaVersion: version, sentAt: String(Date.now()) };
    const properties = { messageId: id, type, appId: source, correlationId, contentType: "application/json", headers };
    const at = Math.floor(Date.parse(timestamp) / 1_000);
    const options = { ...properties, timestamp: at, persistent: true, mandatory: true };
    return { type, content: Buffer.from(serializeEnvelope(envelope)), options };
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
    const { type, content, options } = message;
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
