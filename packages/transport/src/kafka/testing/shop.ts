import { createEnvelope, type Envelope } from "@throughline/envelope";
import { testBrokers, uniqueName } from "@throughline/local/testing";
import { type KafkaOptions, kafkaTransport } from "../../kafka.ts";
import type { Failure, Subscription } from "../../transport.ts";
import { connectStranger } from "./stranger.ts";

export const brokers = testBrokers.kafka?.split(",") ?? [];
export const type = "order.created";
export const patience = { timeout: 25_000, interval: 20 };

/** One namespace with a publisher, as many members of `billing` as a test wants, and a stranger beside them. */
export async function openShop(options: Partial<KafkaOptions> = {}) {
  await using opening = new AsyncDisposableStack();
  const { namespace = uniqueName("t") } = options;
  const transport = kafkaTransport({ brokers, partitions: 3, ...options, namespace });
  const stranger = opening.use(await connectStranger(brokers));
  const publisher = opening.use(await transport.connectPublisher());
  const topic = `${namespace}.${type}`;
  const opened = opening.move();
  return {
    namespace,
    stranger,
    topic,
    publish: (envelopes: readonly Envelope[]) => publisher.publish(envelopes),
    committed: () => stranger.committed(`${namespace}.billing`, topic),
    async listen(handler: Subscription["handler"] = async () => {}, subscription: Partial<Subscription> = {}) {
      const [begun, handled, failures]: [Envelope[], Envelope[], Failure[]] = [[], [], []];
      const subscriber = await transport.connectSubscriber();
      opened.use(subscriber);
      await subscriber.subscribe({
        group: "billing",
        types: [type],
        attempts: 2,
        retryDelayMs: 20,
        onFailure: (failure) => failures.push(failure),
        ...subscription,
        handler: async (envelope) => {
          begun.push(envelope);
          await handler(envelope);
          handled.push(envelope);
        },
      });
      return { begun, handled, failures, leave: () => subscriber[Symbol.asyncDispose]() };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

export function order(key: string, sequence = 1, ofType = type): Envelope {
  return createEnvelope({ type: ofType, version: "1", key, data: { sequence } }, { source: "test", sequence });
}

export function idsOf(envelopes: readonly Envelope[]): string[] {
  return envelopes.map(({ id }) => id).sort();
}

export function textsOf(headers: object | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)]));
}
