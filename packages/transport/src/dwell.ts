import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import type { Envelope } from "@throughline/envelope";
import { registeredTracer } from "./registered-tracer.ts";
import { isSampled, parseTraceparent } from "./traceparent.ts";

/** Where a message waits: to be published, to be received, to be tried again, or behind a dead one of its key. */
export type Waiting = "outbox" | "broker" | "retry" | "parked";

const leastMs = 1;

/**
 * A span `wait <where>` from `since`, in milliseconds since 1970, until now, beside those of what was done with the
 * message. Nothing where its trace is not sampled, it waited for less than a millisecond, or there is no SDK.
 */
export function traceDwell(where: Waiting, since: number, { id, traceparent }: Envelope, until = Date.now()): void {
  if (!isSampled(traceparent) || !(until - since >= leastMs)) return;
  const tracer = registeredTracer();
  const parent = tracer && parseTraceparent(traceparent);
  if (parent === undefined) return;
  const attributes = { "messaging.message.id": id, "throughline.waited": where };
  tracer
    ?.startSpan(`wait ${where}`, { startTime: since, attributes }, trace.setSpanContext(ROOT_CONTEXT, parent))
    .end(until);
}
