import { SpanKind, trace } from "@opentelemetry/api";
import { type Cause, createEnvelope, currentCause, type Envelope, type Handler } from "@throughline/envelope";
import { describe, expect, test } from "vitest";
import { type Arrival, attemptEnvelope, handleEnvelope } from "./process.ts";
import { tellFailure, withDefaults } from "./subscription.ts";
import { keepSpans } from "./testing/spans.ts";
import { parseTraceparent } from "./traceparent.ts";

const creation = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const received = parseTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
const arrival: Arrival = { system: "kafka", destination: "dev.order.created", received };
const name = "process dev.order.created";

describe("where an SDK traces", () => {
  const exporter = keepSpans();
  const processes = () => exporter.getFinishedSpans().filter((span) => span.name === name);

  test("a child of the message's creation is linked to the call that brought it", async () => {
    await handleEnvelope(subscribed(), message(creation), arrival);
    const [span] = processes();
    expect(span?.parentSpanContext).toMatchObject(contextIn(creation));
    expect(span?.links).toEqual([{ context: received }]);
  });

  test("each attempt at a linked type is a trace of its own, and linked to the message's creation", async () => {
    const failing = subscribed({ links: ["order.created"], handler: () => Promise.reject(new Error("not yet")) });
    const envelope = message(creation);
    for (const attempt of [1, 2, 3]) await attemptEnvelope(failing, envelope, attempt, arrival);
    expect(processes()).toHaveLength(3);
    for (const span of processes()) {
      expect(span).toMatchObject({ kind: SpanKind.CONSUMER, parentSpanContext: undefined });
      expect(span.links).toMatchObject([{ context: contextIn(creation) }, { context: received }]);
    }
    const traces = processes().map((span) => span.spanContext().traceId);
    expect(new Set([...traces, contextIn(creation)?.traceId]).size).toBe(4);
  });

  test("what a linked message causes, and what is told of its failure, is in the trace of that attempt", async () => {
    let cause: Cause | undefined;
    const envelope = message(creation);
    const linked = subscribed({
      links: ["order.created"],
      async handler() {
        cause = currentCause();
        throw new Error("not yet");
      },
    });
    const verdict = await attemptEnvelope(linked, envelope, 1, arrival);
    if (verdict.kind !== "retry") return expect.unreachable();
    const told: unknown[] = [];
    const onFailure = () => told.push(trace.getActiveSpan()?.spanContext());
    tellFailure({ onFailure }, { error: verdict.error, envelope, deadLettered: false });
    const [span] = processes();
    expect(told).toEqual([span?.spanContext()]);
    expect(parseTraceparent(cause?.traceparent)).toMatchObject({ spanId: span?.spanContext().spanId });
  });

  test("messages that failed of one error are told each in the trace of its own attempt, and so is what follows", async () => {
    const lost = new Error("The connection broke at the COMMIT");
    const beforeDead = () => Promise.reject(new Error("no database"));
    const options = { links: ["order.created"], handler: () => Promise.reject(lost) };
    const failing = { ...subscribed(options), attempts: 2, beforeDead };
    const told: unknown[] = [];
    const onFailure = () => told.push(trace.getActiveSpan()?.spanContext().spanId);
    const envelopes = [message(creation), message(creation)];
    for (const attempt of [1, 2]) {
      const failures = await Promise.all(
        envelopes.map(async (envelope) => ({
          envelope,
          ...(await attemptEnvelope(failing, envelope, attempt, arrival)),
        })),
      );
      for (const failure of failures) {
        if (failure.kind !== "retry") return expect.unreachable();
        tellFailure({ onFailure }, { error: failure.error, envelope: failure.envelope, deadLettered: false });
      }
    }
    expect(told).toEqual(processes().map((span) => span.spanContext().spanId));
    expect(new Set(told).size).toBe(4);
  });

  test("a message that was set aside has a span that says why, below the last attempt if any, and an unsampled one none", async () => {
    const [tried, silent, unsampled] = [message(creation), message(creation), message(creation.replace(/01$/, "00"))];
    await attemptEnvelope(subscribed({ handler: () => Promise.reject(new Error("no")) }), tried, 3, arrival);
    const error = new Error("no attempt is left");
    for (const envelope of [tried, silent, unsampled]) tellFailure({}, { error, envelope, deadLettered: true });
    tellFailure({}, { error, envelope: tried, deadLettered: false });
    const deaths = exporter.getFinishedSpans().filter((span) => span.name === "set aside order.created");
    const idsOf = ({ attributes, parentSpanContext }: (typeof deaths)[number]) => [
      attributes["messaging.message.id"],
      parentSpanContext?.spanId,
    ];
    expect(deaths.map(idsOf)).toEqual([
      [tried.id, processes()[0]?.spanContext().spanId],
      [silent.id, contextIn(creation).spanId],
    ]);
    for (const { status } of deaths) expect(status.message).toBe("no attempt is left");
  });

  test("other types, and messages that are not sampled, begin no trace", async () => {
    const [other, unsampled] = [message(creation), message(creation.replace(/01$/, "00"))];
    await handleEnvelope(subscribed({ links: ["order.cancelled"] }), other, arrival);
    await handleEnvelope(subscribed({ links: ["order.created"] }), unsampled, arrival);
    expect(processes().map((span) => span.spanContext().traceId)).toEqual([contextIn(creation)?.traceId]);
  });
});

test("where nothing is traced, the trace that others began passes through a linked type as well", async () => {
  let cause: Cause | undefined;
  const handler = async () => {
    cause = currentCause();
  };
  await handleEnvelope(subscribed({ links: ["order.created"], handler }), message(creation), arrival);
  expect(cause?.traceparent).toBe(creation);
});

function subscribed({ links, handler = async () => {} }: { links?: readonly string[]; handler?: Handler } = {}) {
  return withDefaults({ group: "billing", types: ["order.created"], handler, ...(links && { links }) });
}

function message(traceparent: string): Envelope {
  const origin = { source: "order-service", traceparent };
  return createEnvelope({ type: "order.created", version: "1", key: "order-1", data: {} }, origin);
}

function contextIn(traceparent: string) {
  const { traceId, spanId } = parseTraceparent(traceparent) ?? {};
  return { traceId, spanId };
}
