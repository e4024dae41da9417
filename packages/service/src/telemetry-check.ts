import { isSpanContextValid, trace } from "@opentelemetry/api";
import pg from "pg";

/**
 * Throws where an endpoint is set and somebody would wait for this process's spans in vain, and says what to do: a process
 * that makes none looks like one that does nothing.
 */
export function checkTelemetry(): void {
  const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER } = process.env;
  // As the SDK reads it.
  const isDisabled = OTEL_SDK_DISABLED?.trim().toLowerCase() === "true";
  if (!OTEL_EXPORTER_OTLP_ENDPOINT || isDisabled || OTEL_TRACES_EXPORTER === "none") return;
  if (!makesSpans()) {
    throw new Error(
      "OTEL_EXPORTER_OTLP_ENDPOINT is set, but no spans are made: start with --import @throughline/service/preload, or unset it",
    );
  }
  checkStatements(process.env.OTEL_NODE_ENABLED_INSTRUMENTATIONS);
}

function checkStatements(libraries: string | undefined): void {
  if (!libraries) return;
  if (libraries !== "pg") {
    throw new Error(
      `OTEL_NODE_ENABLED_INSTRUMENTATIONS is ${JSON.stringify(libraries)}, expected pg or nothing: http and express have spans of our own, and libraries for brokers overwrite the trace that an outbox stored`,
    );
  }
  if (!isWrapped(pg.Client.prototype.query)) {
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
