import {
  type Context,
  isSpanContextValid,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { baggageAttributes, type Envelope } from "@throughline/envelope";
import type { Arrival } from "./process.ts";
import type { CompleteSubscription } from "./subscription.ts";
import { parseTraceparent } from "./traceparent.ts";

/**
 * A CONSUMER span `process <destination>` for one attempt: a child of the message's creation or, where the type is one
 * of `links`, the root of a new trace that is linked to it. What is not sampled begins none: nobody would see whence it
 * came, and the sampler might take it for a request.
 */
export function startProcessSpan(
  { group, links }: Pick<CompleteSubscription, "group" | "links">,
  { id, type, key, correlationId, traceparent, baggage }: Envelope,
  { system, destination, traceparent: arrived, received }: Arrival,
): Span {
  const creation = parseTraceparent(arrived) ?? parseTraceparent(traceparent);
  const isSampled = creation !== undefined && (creation.traceFlags & TraceFlags.SAMPLED) !== 0;
  const origin = isSampled && links.includes(type) ? creation : undefined;
  const span = trace.getTracer("throughline").startSpan(
    `process ${destination}`,
    {
      kind: SpanKind.CONSUMER,
      ...(isSampled && { links: linksTo(origin, received) }),
      attributes: {
        "messaging.system": system,
        "messaging.destination.name": destination,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.consumer.group.name": group,
        "messaging.message.id": id,
        "messaging.message.conversation_id": correlationId,
        "throughline.type": type,
        "throughline.key": key,
        ...baggageAttributes(baggage),
      },
    },
    creation && !origin ? trace.setSpanContext(ROOT_CONTEXT, creation) : ROOT_CONTEXT,
  );
  // Without an SDK no trace begins, and the one that others began passes through.
  return origin && !isSpanContextValid(span.spanContext()) ? trace.wrapSpanContext(origin) : span;
}

/**
 * A span `set aside <type>` at the moment at which a message became a dead letter, with the reason: below the attempt that was
 * the last, or beside those that left no outcome. None where the message is not sampled.
 */
export function traceDeath({ id, type, key }: Envelope, error: Error, where: Context): void {
  const { traceFlags = TraceFlags.NONE } = trace.getSpanContext(where) ?? {};
  if ((traceFlags & TraceFlags.SAMPLED) === 0) return;
  const attributes = { "messaging.message.id": id, "throughline.type": type, "throughline.key": key };
  const span = trace.getTracer("throughline").startSpan(`set aside ${type}`, { attributes }, where);
  recordFailure(span, error);
  span.end();
}

/** Of a query that failed, what the driver says: drizzle's own message has the values, and a trace has no business with them. */
export function recordFailure(span: Span, error: Error): void {
  const isQuery = "query" in error && "params" in error;
  const told = isQuery && error.cause instanceof Error ? error.cause : error;
  span.recordException(told);
  span.setAttribute("error.type", error.name);
  span.setStatus({ code: SpanStatusCode.ERROR, message: told.message });
}

function linksTo(...contexts: readonly (SpanContext | undefined)[]): Link[] {
  return contexts.flatMap((context) => (context ? [{ context }] : []));
}
