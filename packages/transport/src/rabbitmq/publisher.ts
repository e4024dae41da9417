import { type Envelope, serializeEnvelope } from "@throughline/envelope";
import type { Options } from "amqplib";
import { toError } from "../reason.ts";
import type { Publisher } from "../transport.ts";
import { type Outgoing, type Send, type Settled, sendConfirmed } from "./confirms.ts";
import { keepChannel, keepConnection, waitAtMost } from "./connection.ts";
import type { Settings, Work } from "./options.ts";
import { declareExchanges, exchangeOf } from "./topology.ts";
import { openWindow, type SendEnvelope } from "./window.ts";

const farewellMs = 10_000;

export async function connectPublisher(settings: Settings): Promise<Publisher> {
  const { namespace, onError } = settings;
  await using opening = new AsyncDisposableStack();
  const connection = opening.use(await keepConnection(settings, "publisher"));
  const channel = opening.use(
    await keepChannel(
      connection,
      async (channel): Promise<SendEnvelope> => {
        const send = sendConfirmed(channel);
        await declareExchanges(channel, namespace);
        return (envelope, settled) => sendEnvelope(envelope, settings, send, settled);
      },
      onError,
    ),
  );
  const window = openWindow(channel);
  opening.defer(() => waitAtMost(farewellMs, window.close()));
  const opened = opening.move();
  return { publish: window.publish, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

function sendEnvelope(envelope: Envelope, settings: Settings, send: Send, settled: Settled): void {
  let message: Outgoing;
  try {
    message = outgoing(envelope, settings);
  } catch (thrown) {
    settled({ refused: true, cause: toError(thrown) });
    return;
  }
  send(message, settled);
}

/** Work and events leave by exchanges of their own. */
export function exchangeFor({ namespace, work }: Settings, type: string): string {
  return exchangeOf(namespace, work.types.includes(type) ? "work" : "events");
}

function outgoing(envelope: Envelope, settings: Settings): Outgoing {
  const { work } = settings;
  const isWork = work.types.includes(envelope.type);
  return {
    exchange: exchangeFor(settings, envelope.type),
    routingKey: envelope.type,
    content: Buffer.from(serializeEnvelope(envelope)),
    properties: isWork ? { ...propertiesOf(envelope), priority: priorityOf(envelope, work) } : propertiesOf(envelope),
  };
}

function propertiesOf(envelope: Envelope): Options.Publish {
  const { id, type, timestamp, source, version, correlationId, causationId, traceparent } = envelope;
  const properties: Options.Publish = {
    messageId: id,
    type,
    timestamp: Math.floor(Date.parse(timestamp) / 1_000),
    contentType: "application/json",
    // The property of that name has whole seconds, and is that of the envelope.
    headers: { schemaVersion: version, causationId, traceparent, sentAt: String(Date.now()) },
  };
  if (fitsProperty(source)) properties.appId = source;
  if (fitsProperty(correlationId)) properties.correlationId = correlationId;
  return properties;
}

/** A property holds 255 bytes, an envelope's field 255 characters; the envelope in the body is whole in any case. */
function fitsProperty(text: string): boolean {
  return Buffer.byteLength(text) <= 255;
}

function priorityOf(envelope: Envelope, { priority }: Work): number {
  return Math.min(Math.max(Math.round(priority(envelope)), 0), 9);
}
