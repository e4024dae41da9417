import {
  type Attributes,
  diag,
  type Link,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
} from "@opentelemetry/api";
import { registeredTracer } from "./registered-tracer.ts";
import { isSampled, parseTraceparent } from "./traceparent.ts";

/** One call for messages of many traces, and how it ended. */
export type BatchCall = {
  /** OpenTelemetry's `messaging.operation.type`. */
  readonly operation: "receive" | "send" | "settle";
  /** What it was made on, as its span is called: a queue, a topic, a group, a road. */
  readonly on: string;
  /** All of its messages; absent where such a call never has more than one. */
  readonly count?: number;
  readonly attributes: Attributes;
  /** When it began, in milliseconds since 1970. Default: now. */
  readonly since?: number | undefined;
  readonly error?: Error | undefined;
};

/** What the SDK takes of them by default. */
export const mostLinks = 128;

/**
 * A CLIENT span `<operation> <on>`, which ends now: a root, linked to the creation of each message that is sampled, 128 of
 * them at most. None where no message is, and then nothing is made but the look at each; without an SDK, not even that.
 * Gives the context that spans of these messages are linked to; undefined where there is none. Never throws: what was settled
 * is, whatever a tracer says.
 */
export function traceBatch<Message>(
  messages: readonly Message[],
  traceparentOf: (message: Message) => string | undefined,
  call: BatchCall,
): SpanContext | undefined {
  try {
    const tracer = registeredTracer();
    const links = tracer && linksTo(messages, traceparentOf);
    return tracer && links && makeSpan(tracer, call, links);
  } catch (thrown) {
    diag.error(`${call.operation} ${call.on} has no span: ${thrown}`);
    return undefined;
  }
}

function makeSpan(
  tracer: Tracer,
  { operation, on, count, attributes, since, error }: BatchCall,
  links: Link[],
): SpanContext | undefined {
  const span = tracer.startSpan(`${operation} ${on}`, {
    ...{ kind: SpanKind.CLIENT, root: true, links },
    ...(since !== undefined && { startTime: since }),
    attributes: {
      ...attributes,
      "messaging.operation.name": operation,
      "messaging.operation.type": operation,
      ...(count !== undefined && { "messaging.batch.message_count": count }),
      ...(error && { "error.type": error.name }),
    },
  });
  if (error) span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
  const made = span.isRecording() ? span.spanContext() : undefined;
  span.end();
  return made;
}

function linksTo<Message>(
  messages: readonly Message[],
  traceparentOf: (message: Message) => string | undefined,
): Link[] | undefined {
  let links: Link[] | undefined;
  for (const message of messages) {
    const traceparent = traceparentOf(message);
    const context = isSampled(traceparent) ? parseTraceparent(traceparent) : undefined;
    if (context === undefined) continue;
    links ??= [];
    if (links.push({ context }) === mostLinks) break;
  }
  return links;
}
