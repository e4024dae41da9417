import { randomBytes } from "node:crypto";
import {
  type Context,
  context,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  trace,
} from "@opentelemetry/api";
import { currentCause, newId, runCausedBy } from "@throughline/envelope";

/**
 * The context that the `traceparent` of W3C Trace Context (https://www.w3.org/TR/trace-context/) names; the root where it
 * names none. Read here, and not by the SDK's propagator, so that a trace passes through where no SDK runs.
 */
export function contextFrom(traceparent: string | undefined): Context {
  const [, version, traceId = "", spanId = "", flags = "00"] = pattern.exec(traceparent ?? "") ?? [];
  const parent: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & 1,
    isRemote: true,
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

/**
 * Runs what is asked again and again in a trace of its own that is not sampled, so that neither this process nor whoever is
 * asked keeps a span of it, also where no SDK runs here.
 */
export function runUnsampled<Result>(work: () => Result): Result {
  const traceparent = `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-00`;
  const cause = currentCause() ?? { correlationId: newId() };
  return runCausedBy({ ...cause, traceparent }, () => context.with(contextFrom(traceparent), work));
}

/** Whether a path is asked every second: it gets no span, and a log line at debug only. */
export function isQuiet(path: string): boolean {
  return quietPaths.includes(path);
}

const quietPaths = ["/livez", "/readyz", "/status", "/v1/traces", "/v1/metrics", "/v1/logs"];

/** Stands for the span that is not made. */
export const noSpan: Span = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
