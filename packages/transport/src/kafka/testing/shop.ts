import { createEnvelope, type Envelope } from "@throughline/envelope";
import { testBrokers, uniqueName } from "@throughline/local/testing";
import { type KafkaOptions, kafkaTransport } from "../../kafka.ts";
import type { DeadLetter, Failure, Subscription } from "../../transport.ts";
import { connectStranger } from "./stranger.ts";

/** Each has to keep every promise. */
export const clients = ["kafkajs", "platformatic"] as const;
export const brokers = testBrokers.kafka?.split(",") ?? [];
export const type = "order.created";
export const patience = { timeout: 25_000, interval: 20 };

/** One namespace with a publisher, as many members of `billing` as a test wants, and a stranger beside them. */
export async function openShop(options: Partial<KafkaOptions> & Pick<Required<KafkaOptions>, "client">) {
  await using opening = new AsyncDisposableStack();
  const { namespace = uniqueName("t") } = options;
  const { partitions = 3 } = options;
  const transport = kafkaTransport({ brokers, ...options, partitions, namespace });
  const stranger = opening.use(await connectStranger(brokers));
  const publisher = opening.use(await transport.connectPublisher());
  const topic = `${namespace}.${type}`;
  // A broker that many tests ask for topics takes its time, and a publish has only ten seconds.
  await stranger.createTopic(topic, partitions);
  const { deadLetters } = transport;
  if (deadLetters === undefined) throw new Error("Kafka has dead letters");
  const opened = opening.move();
  return {
    namespace,
    stranger,
    topic,
    publish: (envelopes: readonly Envelope[]) => publisher.publish(envelopes),
    backlog: () => transport.backlog("billing", [type]),
    committed: () => stranger.committed(`${namespace}.billing`, topic),
    deadLetters,
    /** What `take` resolves for is in `letters`. */
    async drain(take: (letter: DeadLetter) => Promise<void> = async () => {}, errors: Error[] = []) {
      const letters: DeadLetter[] = [];
      const takeAndTell = async (letter: DeadLetter) => {
        await take(letter);
        letters.push(letter);
      };
      const draining = await deadLetters.drain("billing", [type], takeAndTell, (error) => errors.push(error));
      opened.use(draining);
      return { letters, leave: () => draining[Symbol.asyncDispose]() };
    },
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
