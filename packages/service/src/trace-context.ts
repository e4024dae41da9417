import {
  type Context,
  createTraceState,
  isSpanContextValid,
  ROOT_CONTEXT,
  type SpanContext,
  trace,
} from "@opentelemetry/api";

/**
 * The context that the headers of W3C Trace Context (https://www.w3.org/TR/trace-context/) carry; the root where they
 * carry none. Read here, and not by the SDK's propagator, so that a trace passes through where no SDK runs.
 */
export function contextFrom(traceparent: string | undefined, tracestate?: string | undefined): Context {
  const [, version, traceId = "", spanId = "", flags = "00"] = pattern.exec(traceparent ?? "") ?? [];
  const parent: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & 1,
    isRemote: true,
    ...(tracestate ? { traceState: createTraceState(tracestate) } : {}),
  };
  if (version === undefined || version === "ff" || !isSpanContextValid(parent)) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, parent);
}

/** The `traceparent` of a span; undefined where nothing is traced. */
export function traceparentOf(span: SpanContext): string | undefined {
  if (!isSpanContextValid(span)) return undefined;
  return `00-${span.traceId}-${span.spanId}-${(span.traceFlags & 1).toString(16).padStart(2, "0")}`;
}

// A later version than 00 may have more fields behind these four.
const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?=-|$)/;
