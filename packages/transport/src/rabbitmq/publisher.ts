import { type Envelope, serializeEnvelope } from "@throughline/envelope";
import type { Options } from "amqplib";
import { createKeyQueue, type KeyQueue } from "../key-queue.ts";
import { PublishError } from "../publish-error.ts";
import { toError } from "../reason.ts";
import type { Publisher } from "../transport.ts";
import { type NotConfirmed, type Outgoing, sendConfirmed } from "./confirms.ts";
import { keepChannel, keepConnection, waitAtMost } from "./connection.ts";
import type { Settings, Work } from "./options.ts";
import { declareExchanges, exchangeOf } from "./topology.ts";

/** Messages sent and not yet confirmed, at most. Nothing else is buffered. */
const windowSize = 1_000;
/** A call gives up when so much time passes without a confirm: broker down, connection blocked, line dead. */
const stallMs = 10_000;

type SendEnvelope = (envelope: Envelope, isOver: () => boolean) => Promise<NotConfirmed | undefined>;

export async function connectPublisher(settings: Settings): Promise<Publisher> {
  const { namespace, work, onError } = settings;
  await using opening = new AsyncDisposableStack();
  const connection = opening.use(await keepConnection(settings, "publisher"));
  const channel = opening.use(
    await keepChannel(
      connection,
      async (channel) => {
        const send = sendConfirmed(channel);
        await declareExchanges(channel, namespace);
        return send;
      },
      onError,
    ),
  );
  const rounds = createKeyQueue(windowSize);
  opening.defer(() => waitAtMost(stallMs, rounds.stop()));
  const opened = opening.move();

  const send: SendEnvelope = async (envelope, isOver) => {
    const sendNow = await channel.current();
    return isOver() ? notInTime : sendNow(outgoing(envelope, namespace, work));
  };
  return {
    publish: (envelopes) => publishInRounds(envelopes, rounds, send),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

const notInTime: NotConfirmed = {
  refused: false,
  cause: new Error(`RabbitMQ confirmed nothing for ${stallMs} ms, or the publisher was closed`),
};
const notSent: NotConfirmed = { refused: false, cause: new Error("Not sent, because one of its key failed before it") };

/** Keys side by side; the envelopes of one key one after another, each once the one before it is confirmed. */
async function publishInRounds(envelopes: readonly Envelope[], rounds: KeyQueue, send: SendEnvelope): Promise<void> {
  const missing = new Map<Envelope, NotConfirmed>(envelopes.map((envelope) => [envelope, notInTime]));
  const failedKeys = new Set<string>();
  const { promise: stalled, resolve: giveUp } = Promise.withResolvers<void>();
  const timer = setTimeout(giveUp, stallMs);
  let isOver = false;

  const publishOne = async (envelope: Envelope) => {
    if (isOver) return undefined;
    const failure = failedKeys.has(envelope.key) ? notSent : await send(envelope, () => isOver).catch(unsendable);
    if (isOver) return undefined;
    timer.refresh();
    if (failure === undefined) missing.delete(envelope);
    else {
      missing.set(envelope, failure);
      failedKeys.add(envelope.key);
    }
    return undefined;
  };
  const published = envelopes.map((envelope) => rounds.add(envelope.key, () => publishOne(envelope)));
  await Promise.race([Promise.all(published), stalled]);
  isOver = true;
  clearTimeout(timer);
  if (missing.size > 0) {
    throw new PublishError([...missing].map(([{ id }, { refused, cause }]) => ({ id, refused, cause })));
  }
}

function unsendable(thrown: unknown): NotConfirmed {
  return { refused: true, cause: toError(thrown) };
}

function outgoing(envelope: Envelope, namespace: string, work: Work): Outgoing {
  const isWork = work.types.includes(envelope.type);
  return {
    exchange: exchangeOf(namespace, isWork ? "work" : "events"),
    routingKey: envelope.type,
    content: Buffer.from(serializeEnvelope(envelope)),
    properties: propertiesOf(envelope, isWork ? { priority: priorityOf(envelope, work) } : {}),
  };
}

function propertiesOf(envelope: Envelope, properties: Options.Publish): Options.Publish {
  const { version: schemaVersion, causationId, traceparent } = envelope;
  return {
    ...properties,
    messageId: envelope.id,
    type: envelope.type,
    timestamp: Math.floor(Date.parse(envelope.timestamp) / 1_000),
    contentType: "application/json",
    headers: { schemaVersion, causationId, traceparent },
    ...(fitsProperty(envelope.source) ? { appId: envelope.source } : {}),
    ...(fitsProperty(envelope.correlationId) ? { correlationId: envelope.correlationId } : {}),
  };
}

/** A property holds 255 bytes, an envelope's field 255 characters; the envelope in the body is whole in any case. */
function fitsProperty(text: string): boolean {
  return Buffer.byteLength(text) <= 255;
}

function priorityOf(envelope: Envelope, { priority }: Work): number {
  return Math.min(Math.max(Math.round(priority(envelope)), 0), 9);
}
