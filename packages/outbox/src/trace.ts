import { type Attributes, context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { baggageAttributes, createEnvelope, currentCause, type Envelope, type Message } from "@throughline/envelope";
import {
  contextOf,
  formatTraceparent,
  isSampled,
  registeredTracer,
  type Transport,
  traceBatch,
  traceDwell,
  type Waiting,
} from "@throughline/transport";

/** What messages wait for, and since when, in milliseconds since 1970, where that is not the outbox since their creation. */
export const waits = new WeakMap<Envelope, { readonly where: Waiting; readonly since: number }>();

/** Puts a message into its envelope, with sequence 0, inside a PRODUCER span whose context it carries from now on. */
export function traceCreation(source: string, message: Message): Envelope {
  const parent = trace.getSpanContext(context.active()) ? context.active() : contextOf(currentCause()?.traceparent);
  const span = trace.getTracer("throughline").startSpan(`create ${message.type}`, { kind: SpanKind.PRODUCER }, parent);
  const envelope = createEnvelope(message, { source, sequence: 0, traceparent: formatTraceparent(span.spanContext()) });
  if (span.isRecording()) {
    const own = { ...attributesOf(envelope), ...baggageAttributes(envelope.baggage) };
    span.setAttributes({ ...own, ...operation("create", "create") });
  }
  span.end();
  return envelope;
}

/**
 * A span for each sampled envelope, in its own trace, and one for the time that it waited before. What went out with others
 * is linked to a span for all of them, and that to theirs. Nothing where there is no SDK.
 */
export function tracePublication(
  transport: Pick<Transport, "name" | "destinationOf">,
  envelopes: readonly Envelope[],
  startedAt: number,
  errors?: ReadonlyMap<string, Error>,
): void {
  const tracer = registeredTracer();
  if (tracer === undefined) return;
  const sampled = envelopes.filter(({ traceparent }) => isSampled(traceparent));
  if (sampled.length === 0) return;
  const road = { "throughline.destination": transport.name };
  const places = sampled.map(({ type }) => placeIn(transport, type));
  const system = places.map((place) => place["messaging.system"]).find((known) => known !== undefined);
  const attributes = { ...road, "messaging.system": system };
  const call = { on: transport.name, attributes, count: envelopes.length, since: startedAt };
  const batch = envelopes.length > 1 ? traceBatch(sampled, traceparentOf, { operation: "send", ...call }) : undefined;
  const links = batch ? [{ context: batch }] : [];
  for (const [nth, envelope] of sampled.entries()) {
    const { where, since } = waits.get(envelope) ?? { where: "outbox", since: Date.parse(envelope.timestamp) };
    traceDwell(where, since, envelope, startedAt);
    const error = errors?.get(envelope.id);
    const attributes = { ...attributesOf(envelope), ...operation("publish", "send"), ...road, ...places[nth] };
    const options = { kind: SpanKind.CLIENT, startTime: startedAt, attributes, links };
    const span = tracer.startSpan(`publish ${envelope.type}`, options, contextOf(envelope.traceparent));
    if (error) span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    if (error) span.setAttribute("error.type", error.name);
    span.end();
  }
}

function traceparentOf({ traceparent }: Envelope): string | undefined {
  return traceparent;
}

function attributesOf({ id, type, key, correlationId }: Envelope): Attributes {
  return {
    "messaging.message.id": id,
    "messaging.message.conversation_id": correlationId,
    "throughline.type": type,
    "throughline.key": key,
  };
}

function operation(name: string, type: "create" | "send"): Attributes {
  return { "messaging.operation.name": name, "messaging.operation.type": type };
}

function placeIn({ destinationOf }: Pick<Transport, "destinationOf">, type: string): Attributes {
  try {
    const place = destinationOf?.(type);
    return place ? { "messaging.system": place.system, "messaging.destination.name": place.destination } : {};
  } catch {
    // A broker can have no such name, which is why it refuses the message.
    return {};
  }
}
