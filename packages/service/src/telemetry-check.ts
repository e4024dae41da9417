import { isSpanContextValid, trace } from "@opentelemetry/api";
import pg from "pg";

/**
 * Throws where somebody would wait for this process's spans in vain, and says what to do: a process that makes none looks
 * like one that does nothing.
 */
export function checkTelemetry(): void {
  const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER } = process.env;
  if (!OTEL_EXPORTER_OTLP_ENDPOINT || OTEL_SDK_DISABLED === "true" || OTEL_TRACES_EXPORTER === "none") return;
  if (!makesSpans()) {
    throw new Error(
      "OTEL_EXPORTER_OTLP_ENDPOINT is set, but no spans are made: start with --import @throughline/service/preload, or unset it",
    );
  }
  if (process.env.OTEL_NODE_ENABLED_INSTRUMENTATIONS === "pg" && !isWrapped(pg.Client.prototype.query)) {
    throw new Error(
      "OTEL_NODE_ENABLED_INSTRUMENTATIONS is pg, but statements have no spans: start with --import @throughline/service/preload and a version of pg that @opentelemetry/instrumentation-pg knows, or unset it",
    );
  }
}

/** Whether there is an SDK behind the tracer of which requests, as server and as client, have their spans. */
function makesSpans(): boolean {
  return isSpanContextValid(trace.getTracer("@throughline/service").startSpan("start").spanContext());
}

/** As libraries of instrumentation mark it. */
function isWrapped(query: object): boolean {
  return "__wrapped" in query && query.__wrapped === true;
}
