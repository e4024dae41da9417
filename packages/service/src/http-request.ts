import { AsyncLocalStorage } from "node:async_hooks";
import { context, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { baggageAttributes, newId, readBaggage, runCausedBy } from "@throughline/envelope";
import type { Request, RequestHandler, Response } from "express";
import type { Logger } from "pino";
import { contextFrom, isQuiet, noSpan, traceparentOf } from "./trace-context.ts";

/**
 * Gives each request a correlation id, a SERVER span and a log line, and runs the rest inside them: whatever the request
 * causes carries its correlation, its trace and what of its baggage is carried.
 */
export function followRequests(log: Logger): RequestHandler {
  return (request, response, next) => {
    const startedAt = performance.now();
    const quiet = isQuiet(request.path);
    const correlationId = saneId(request.get("x-correlation-id")) ?? newId();
    response.set("x-correlation-id", correlationId);

    const parent = contextFrom(request.get("traceparent"));
    const span = quiet ? noSpan : startSpan(request, parent);
    // The messages' spans carry it under the same name, so that one search finds everything that a request caused.
    span.setAttribute("messaging.message.conversation_id", correlationId);
    const traceparent = traceparentOf(span.spanContext());
    const baggage = readBaggage(request.get("baggage"));
    span.setAttributes(baggageAttributes(baggage));
    const cause = {
      correlationId,
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(baggage === undefined ? {} : { baggage }),
    };

    function follow(): void {
      // Bound to this moment, because Node tells of the close in the socket's context and not in the request's.
      response.once("close", AsyncLocalStorage.bind(report));
      next();
    }
    function report(): void {
      endSpan(span, request, response);
      const facts = { status: response.statusCode, durationMs: Math.round(performance.now() - startedAt) };
      const cut = response.writableFinished ? {} : { cut: true };
      log[quiet ? "debug" : "info"]({ ...facts, ...cut }, `${request.method} ${request.path}`);
    }
    // Without a parent, what a quiet request asks of the database has no span either.
    runCausedBy(cause, () => context.with(quiet ? ROOT_CONTEXT : trace.setSpan(parent, span), follow));
  };
}

/** The caller's id is written into logs, headers and brokers' attributes: printable ASCII, at most 255 characters. */
function saneId(id: string | undefined): string | undefined {
  return id !== undefined && /^[\x21-\x7e][\x20-\x7e]{0,254}$/.test(id) ? id : undefined;
}

function startSpan(request: Request, parent: ReturnType<typeof contextFrom>): Span {
  const attributes = {
    "http.request.method": request.method,
    "url.scheme": request.protocol,
    "url.path": request.path,
    "server.address": request.hostname ?? "",
    "server.port": request.socket.localPort ?? 0,
    "client.address": request.ip ?? "",
    "user_agent.original": request.get("user-agent") ?? "",
    "network.protocol.version": request.httpVersion,
  };
  return trace
    .getTracer("@throughline/service")
    .startSpan(request.method, { kind: SpanKind.SERVER, attributes }, parent);
}

function endSpan(span: Span, request: Request, response: Response): void {
  const route = routeOf(request);
  if (route !== undefined) span.updateName(`${request.method} ${route}`).setAttribute("http.route", route);
  span.setAttribute("http.response.status_code", response.statusCode);
  if (response.statusCode >= 500) {
    span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute("error.type", String(response.statusCode));
  }
  span.end();
}

/** `/orders/:orderId`, known once a route has been found. */
function routeOf(request: Request): string | undefined {
  const route: unknown = request.route;
  if (typeof route !== "object" || route === null || !("path" in route)) return undefined;
  return `${request.baseUrl}${String(route.path)}`;
}
