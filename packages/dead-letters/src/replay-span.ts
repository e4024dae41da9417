import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { contextOf, isSampled } from "@throughline/transport";
import type { Letter } from "./letter.ts";

/** As OpenTelemetry calls what a letter goes back to; elsewhere it has the road's own name. */
const systems: Readonly<Record<string, string>> = {
  "sns-sqs": "aws_sqs",
  "sns-sqs-fifo": "aws_sqs",
  inbox: "postgresql",
};

/**
 * Sends a letter back inside a CLIENT span `replay <type>`, which says who wanted it: in the trace of its message, beside the
 * attempts that failed. None where that is not sampled.
 */
export async function traceReplay(letter: Letter, by: string, send: () => Promise<void>): Promise<void> {
  const { messageId, type, key, correlationId, road, origin } = letter;
  const traceparent = letter.traceparent ?? undefined;
  if (!isSampled(traceparent)) return send();
  const attributes = {
    ...(messageId !== null && { "messaging.message.id": messageId }),
    ...(correlationId !== null && { "messaging.message.conversation_id": correlationId }),
    "messaging.operation.name": "replay",
    "messaging.operation.type": "send",
    "messaging.system": road === "outbox" ? origin.name : (systems[road] ?? road),
    "messaging.destination.name": origin.name,
    "throughline.road": road,
    ...(type !== null && { "throughline.type": type }),
    ...(key !== null && { "throughline.key": key }),
    "throughline.by": by,
  };
  const options = { kind: SpanKind.CLIENT, attributes };
  const span = trace.getTracer("throughline").startSpan(`replay ${type}`, options, contextOf(traceparent));
  try {
    await send();
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
    throw error;
  } finally {
    span.end();
  }
}
