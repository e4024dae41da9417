import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { currentCause } from "@throughline/envelope";
import { isQuiet, noSpan, traceparentOf } from "./trace-context.ts";

export type HttpCall = {
  /** Default: GET. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a text is sent as it is. */
  readonly body?: unknown;
  /** Until the whole answer has been read, in milliseconds. Default: 10,000. */
  readonly timeoutMs?: number;
};

/**
 * Calls another system, inside a CLIENT span, with the trace and the correlation of what is being handled, and without its
 * baggage, which is not for third parties. Resolves with the answer whatever its status; rejects where there was none, and
 * then the other side may have acted or not. What is asked every second has no span.
 */
export async function callHttp(url: string, call: HttpCall = {}): Promise<Response> {
  const { method = "GET", headers = {}, body, timeoutMs = 10_000 } = call;
  const { hostname, port, protocol, origin, pathname } = new URL(url);
  const attributes = {
    "http.request.method": method,
    "url.full": `${origin}${pathname}`,
    "server.address": hostname,
    "server.port": Number(port) || (protocol === "https:" ? 443 : 80),
  };
  const tracer = trace.getTracer("@throughline/service");
  const span = isQuiet(pathname) ? noSpan : tracer.startSpan(method, { kind: SpanKind.CLIENT, attributes });
  const cause = currentCause();
  const traceparent = traceparentOf(span.spanContext()) ?? cause?.traceparent;
  try {
    const response = await context.with(trace.setSpan(context.active(), span), () =>
      fetch(url, {
        method,
        headers: {
          accept: "application/json",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(traceparent === undefined ? {} : { traceparent }),
          ...(cause === undefined ? {} : { "x-correlation-id": cause.correlationId }),
          ...headers,
        },
        signal: AbortSignal.timeout(timeoutMs),
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      }),
    );
    span.setAttribute("http.response.status_code", response.status);
    if (response.status >= 400) span.setStatus({ code: SpanStatusCode.ERROR });
    return response;
  } catch (cause) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: String(cause) });
    throw new Error(`${method} ${origin}${pathname} had no answer`, { cause });
  } finally {
    span.end();
  }
}
