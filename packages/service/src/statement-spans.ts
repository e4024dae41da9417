import Module, { createRequire } from "node:module";
import { createNoopMeter, type SpanStatus, type TracerProvider, trace } from "@opentelemetry/api";
import { PgInstrumentation } from "@opentelemetry/instrumentation-pg";

/**
 * From now on a statement is a span below that of the request or the message that asks it, with its text and without its
 * values; what the relay or a check asks by itself has none.
 */
export function spanStatements(): void {
  const { require } = Module.prototype;
  const instrumentation = new PgInstrumentation({ requireParentSpan: true, ignoreConnectSpans: true });
  instrumentation.setTracerProvider(discreet);
  // It would count the connections of the pool a second time, under the names that ours have.
  instrumentation.setMeterProvider({ getMeter: createNoopMeter });
  createRequire(import.meta.url)("pg");
  // Its hook would look at each of a thousand files that are loaded later, which doubles the time of a start.
  Module.prototype.require = require;
}

/** Its spans tell that they failed, and the code, but not the message, in which Postgres may quote a value. */
const discreet: TracerProvider = {
  getTracer(name, version) {
    const tracer = trace.getTracer(name, version);
    return {
      startActiveSpan: tracer.startActiveSpan.bind(tracer),
      startSpan(...start) {
        const span = tracer.startSpan(...start);
        const setStatus = span.setStatus.bind(span);
        return Object.assign(span, { setStatus: ({ code }: SpanStatus) => setStatus({ code }) });
      },
    };
  },
};
