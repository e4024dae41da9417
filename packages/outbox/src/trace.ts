import { type Context, context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { createEnvelope, currentCause, type Envelope, type Message } from "@throughline/envelope";
import { formatTraceparent, parseTraceparent, traceDwell } from "@throughline/transport";

const tracer = trace.getTracer("throughline");

/** Puts a message into its envelope, with sequence 0, inside a PRODUCER span whose context it carries from now on. */
export function traceCreation(source: string, message: Message): Envelope {
  const parent = trace.getSpanContext(context.active()) ? context.active() : toContext(currentCause()?.traceparent);
  const span = tracer.startSpan(`create ${message.type}`, { kind: SpanKind.PRODUCER }, parent);
  const envelope = createEnvelope(message, { source, sequence: 0, traceparent: formatTraceparent(span.spanContext()) });
  if (span.isRecording()) span.setAttributes({ ...attributesOf(envelope), "messaging.operation.name": "create" });
  span.end();
  return envelope;
}

/** A span for each sampled envelope, in its own trace, and one for the time that it waited in the outbox. */
export function tracePublication(
  destination: string,
  envelopes: readonly Envelope[],
  startedAt: number,
  errors?: ReadonlyMap<string, Error>,
): void {
  for (const envelope of envelopes) {
    if (!isSampled(envelope)) continue;
    traceDwell("outbox", Date.parse(envelope.timestamp), envelope, startedAt);
    const attributes = {
      ...attributesOf(envelope),
      "messaging.operation.name": "publish",
      "messaging.operation.type": "send",
      "throughline.destination": destination,
    };
    const options = { kind: SpanKind.CLIENT, startTime: startedAt, attributes };
    const span = tracer.startSpan(`publish ${envelope.type}`, options, toContext(envelope.traceparent));
    const error = errors?.get(envelope.id);
    if (error) span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    span.end();
  }
}

function attributesOf({ id, type, key, correlationId }: Envelope): Record<string, string> {
  return {
    "messaging.destination.name": type,
    "messaging.message.id": id,
    "messaging.message.conversation_id": correlationId,
    "throughline.key": key,
  };
}

function isSampled({ traceparent }: Envelope): boolean {
  return traceparent !== undefined && /[13579bdf]$/.test(traceparent);
}

function toContext(traceparent: string | undefined): Context {
  const parent = parseTraceparent(traceparent);
  return parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
}
