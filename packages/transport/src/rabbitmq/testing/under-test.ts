import { setImmediate } from "node:timers/promises";
import { createEnvelope, type Envelope, type Handler } from "@throughline/envelope";
import { testBrokers, uniqueName } from "@throughline/local/testing";
import { type ConfirmChannel, type ConsumeMessage, connect } from "amqplib";
import { PublishError } from "../../publish-error.ts";
import { type RabbitmqOptions, rabbitmqTransport } from "../../rabbitmq.ts";
import { type Line, startLine, type UnderTest } from "../../testing.ts";
import type { Failure, Publisher, Subscription, Transport } from "../../transport.ts";

const ownUrl = testBrokers.rabbitmq ?? "";
const groups = ["billing", "inventory", "billing.work"];

/** How long tests wait for what should happen, on a machine with much else to do. */
export const patience = { timeout: 60_000, interval: 20 };

/** This machine has no RabbitMQ; in CI that is no excuse. */
export const isExcused: boolean = ownUrl === "" && process.env.CI !== "true";

/** A namespace of its own, which is empty again when disposed, and somebody in it who knows the names but not our code. */
export type Bench = AsyncDisposable & {
  readonly url: string;
  readonly namespace: string;
  readonly transport: Transport;
  /** What the transport was interrupted by. */
  readonly errors: readonly Error[];
  readonly stranger: ConfirmChannel;
  /** Waits for `count` messages of a queue and takes them off it. */
  take(queue: string, count: number): Promise<ConsumeMessage[]>;
};

export async function openBench(options: Partial<RabbitmqOptions> = {}): Promise<Bench> {
  const { url = ownUrl, namespace = uniqueName("t") } = options;
  const errors: Error[] = [];
  const work = { types: ["payment.requested"], priority };
  const model = await connect(url);
  let isConnected = true;
  model.on("error", () => undefined);
  model.on("close", () => {
    isConnected = false;
  });
  const stranger = await model.createConfirmChannel();
  return {
    url,
    namespace,
    transport: rabbitmqTransport({ url, namespace, work, onError: (error) => errors.push(error), ...options }),
    errors,
    stranger,
    take: (queue, count) => take(stranger, `${namespace}.${queue}`, count),
    async [Symbol.asyncDispose]() {
      if (isConnected) await model.close();
      await leave(url, namespace);
    },
  };
}

/** RabbitMQ as the suite wants it. */
export async function rabbitmqUnderTest(namespace: string): Promise<UnderTest> {
  await using opening = new AsyncDisposableStack();
  const { url, line } = opening.use(await openLine());
  const bench = opening.use(await openBench({ namespace }));
  const { stranger, take } = bench;
  const opened = opening.move();
  return {
    transport: rabbitmqTransport({ url: `${url}?heartbeat=1`, namespace, onError: () => undefined }),
    line,
    leaseMs: 2_000,
    tooLargeBytes: 16 * 1_024 * 1_024 + 1,
    probe: {
      async publishRaw(type, bytes) {
        stranger.publish(`${namespace}.events`, type, Buffer.from(bytes));
        await stranger.waitForConfirms();
      },
      async deadLetters(group, _type, count) {
        const messages = await take(`${group}.dlq`, count);
        return messages.map(({ content, properties: { headers } }) => ({
          body: content,
          reason: String(headers?.["x-error-message"]),
        }));
      },
    },
    dispose: () => opened.disposeAsync(),
  };
}

/** The broker's url over a line on which accidents can be had. */
export async function openLine(): Promise<{ readonly url: string; readonly line: Line } & AsyncDisposable> {
  const url = new URL(ownUrl);
  const line = await startLine({ host: url.hostname, port: Number(url.port) });
  url.port = `${line.port}`;
  return { url: url.href, line, [Symbol.asyncDispose]: () => line[Symbol.asyncDispose]() };
}

export type Listener = AsyncDisposable & {
  readonly begun: readonly Envelope[];
  readonly handled: readonly Envelope[];
  readonly failures: readonly Failure[];
};

export async function listen(
  transport: Transport,
  handler: Handler = async () => {},
  subscription: Partial<Subscription> = {},
): Promise<Listener> {
  const [begun, handled, failures]: [Envelope[], Envelope[], Failure[]] = [[], [], []];
  const subscriber = await transport.connectSubscriber();
  await subscriber.subscribe({
    group: "billing",
    types: ["order.created"],
    retryDelayMs: 20,
    onFailure: (failure) => failures.push(failure),
    ...subscription,
    async handler(envelope) {
      begun.push(envelope);
      await handler(envelope);
      handled.push(envelope);
    },
  });
  return { begun, handled, failures, [Symbol.asyncDispose]: () => subscriber[Symbol.asyncDispose]() };
}

export async function publish(transport: Transport, envelopes: readonly Envelope[]): Promise<void> {
  await using publisher = await transport.connectPublisher();
  await publisher.publish(envelopes);
}

/** What the relay of an outbox does. */
export async function publishUntilConfirmed(publisher: Publisher, envelopes: readonly Envelope[]): Promise<void> {
  let missing = envelopes;
  while (missing.length > 0) missing = await publishOnce(publisher, missing);
}

/** Takes a message, and goes without a word about it. */
export async function dieWith({ url, namespace }: Bench, queue: string): Promise<void> {
  const model = await connect(url);
  const channel = await model.createChannel();
  while (!(await channel.get(`${namespace}.${queue}`))) await setImmediate();
  await model.close();
}

export function order(key: string, sequence = 1): Envelope {
  return createEnvelope({ type: "order.created", version: "1", key, data: {} }, { source: "order-service", sequence });
}

export function payment(key: string, express = false): Envelope {
  return createEnvelope({ type: "payment.requested", version: "1", key, data: { express } }, { source: "billing" });
}

function priority({ data }: Envelope): number {
  return (data as { readonly express?: boolean }).express ? 9 : 4;
}

async function take(channel: ConfirmChannel, queue: string, count: number): Promise<ConsumeMessage[]> {
  const taken: ConsumeMessage[] = [];
  const { promise: complete, resolve } = Promise.withResolvers<void>();
  await channel.prefetch(count);
  const { consumerTag } = await channel.consume(queue, (message) => {
    if (message && taken.push(message) === count) resolve();
  });
  await complete;
  for (const message of taken) channel.ack(message);
  await channel.cancel(consumerTag);
  return taken;
}

async function publishOnce(publisher: Publisher, envelopes: readonly Envelope[]): Promise<readonly Envelope[]> {
  try {
    await publisher.publish(envelopes);
    return [];
  } catch (error) {
    if (!(error instanceof PublishError)) throw error;
    const ids = new Set(error.failures.map(({ id }) => id));
    return envelopes.filter(({ id }) => ids.has(id));
  }
}

/** On a connection of its own, since a test may have lost the stranger's. */
async function leave(url: string, namespace: string): Promise<void> {
  const model = await connect(url);
  const channel = await model.createChannel();
  for (const name of groups) {
    await channel.deleteQueue(`${namespace}.${name}`);
    await channel.deleteQueue(`${namespace}.${name}.dlq`);
  }
  for (const kind of ["events", "work", "dead"]) await channel.deleteExchange(`${namespace}.${kind}`);
  await model.close();
}
