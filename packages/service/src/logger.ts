import { isSpanContextValid, trace } from "@opentelemetry/api";
import { currentCause } from "@throughline/envelope";
import pino, { type DestinationStream, type Logger, type LoggerOptions } from "pino";
import { hidden, secretNames, withoutPasswords } from "./secrets.ts";

/** JSON lines on stdout, each with the service, the trace, correlation and baggage of its moment, and without secrets. */
export function createLogger(
  { service, logLevel }: { readonly service: string; readonly logLevel: string },
  destination: DestinationStream = pino.destination(1),
): Logger {
  const options: LoggerOptions = {
    level: logLevel,
    base: { service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
    mixin: whereabouts,
    redact: { paths: secretPaths, censor: hidden },
    hooks: { streamWrite: withoutPasswords },
  };
  return pino(options, destination);
}

/** What people do is written whatever LOG_LEVEL is: somebody will ask who it was. */
export function actsOf(log: Logger): Logger {
  return log.child({}, { level: "info" });
}

const secretPaths = secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

function whereabouts(): object {
  const span = trace.getActiveSpan()?.spanContext();
  const cause = currentCause();
  return {
    ...(span &&
      isSpanContextValid(span) && { trace_id: span.traceId, span_id: span.spanId, trace_flags: `0${span.traceFlags}` }),
    ...(cause && { correlation_id: cause.correlationId }),
    ...(cause?.id && { message_id: cause.id }),
    ...(cause?.baggage && { baggage: cause.baggage }),
  };
}
