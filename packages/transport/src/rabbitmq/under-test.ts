import { type ConfirmChannel, connect } from "amqplib";
import { rabbitmqTransport } from "../rabbitmq.ts";
import type { DeadLetter, UnderTest } from "../testing.ts";

const groups = ["billing", "inventory", "billing.work"];

/**
 * RabbitMQ as the suite wants it. A queue that takes every event stands by, because the suite publishes types that
 * nobody asked for, which this transport refuses.
 */
export async function rabbitmqUnderTest(url: string, namespace: string): Promise<UnderTest> {
  const transport = rabbitmqTransport({ url, namespace });
  const model = await connect(url);
  const channel = await model.createConfirmChannel();
  const exchange = `${namespace}.events`;
  await channel.assertExchange(exchange, "topic");
  const { queue } = await channel.assertQueue("", { exclusive: true, arguments: { "x-max-length": 1 } });
  await channel.bindQueue(queue, exchange, "#");

  return {
    transport,
    probe: {
      async publishRaw(type, bytes) {
        channel.publish(exchange, type, Buffer.from(bytes), { persistent: true });
        await channel.waitForConfirms();
      },
      deadLetters: (group, type, count) => takeDeadLetters(channel, `${namespace}.${group}.dlq`, type, count),
    },
    async dispose() {
      for (const name of groups) {
        await channel.deleteQueue(`${namespace}.${name}`);
        await channel.deleteQueue(`${namespace}.${name}.dlq`);
      }
      for (const kind of ["events", "work", "dead"]) await channel.deleteExchange(`${namespace}.${kind}`);
      await model.close();
    },
  };
}

async function takeDeadLetters(
  channel: ConfirmChannel,
  queue: string,
  type: string,
  count: number,
): Promise<readonly DeadLetter[]> {
  const taken: DeadLetter[] = [];
  const { promise: complete, resolve } = Promise.withResolvers<void>();
  const { consumerTag } = await channel.consume(queue, (message) => {
    const headers = message?.properties.headers;
    if (!message || headers?.["x-original-routing-key"] !== type) return;
    taken.push({ body: message.content, reason: String(headers["x-error-message"]) });
    channel.ack(message);
    if (taken.length === count) resolve();
  });
  await complete;
  await channel.cancel(consumerTag);
  return taken;
}
