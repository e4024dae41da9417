import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import {
  type Cause,
  carryBaggage,
  createEnvelope,
  currentCause,
  type Envelope,
  type Handler,
  RejectedError,
} from "@throughline/envelope";
import { describe, expect, test, vi } from "vitest";
import { type Arrival, attemptBytes, attemptEnvelope, handleEnvelope } from "./process.ts";
import { type CompleteSubscription, withDefaults } from "./subscription.ts";
import { keepSpans } from "./testing/spans.ts";

const inHeader = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const inEnvelope = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const arrival = { system: "kafka", destination: "dev.order.created" };

describe("where nothing is traced", () => {
  test("the handler runs, caused by the envelope", async () => {
    const envelope = message();
    const { id, correlationId } = envelope;
    expect(await causeIn(envelope, arrival)).toEqual({ id, correlationId });
  });

  test("a trace that others began goes on", async () => {
    const envelope = message(inEnvelope);
    expect(await causeIn(envelope, arrival)).toMatchObject({ traceparent: inEnvelope });
    expect(await causeIn(envelope, { ...arrival, traceparent: inHeader })).toMatchObject({ traceparent: inHeader });
  });

  test("a handler that ends after its time limit disturbs nobody", async () => {
    const unhandled = vi.fn();
    process.once("unhandledRejection", unhandled);
    const { promise, reject } = Promise.withResolvers<void>();
    const handling = handleEnvelope({ ...subscription(() => promise), timeoutMs: 5 }, message(), arrival);
    await expect(handling).rejects.toThrow(/Handling order.created .* took longer than 5 ms/);
    reject(new Error("too late"));
    await new Promise(setImmediate);
    process.removeListener("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });
});

describe("where an SDK traces", () => {
  const exporter = keepSpans();

  test("the process span is a child of the header's context, and the parent of what the handler does", async () => {
    let cause: ReturnType<typeof currentCause>;
    const envelope = message(inEnvelope);
    const handler = async () => {
      cause = currentCause();
      trace.getTracer("test").startSpan("inside").end();
    };
    await handleEnvelope(subscription(handler), envelope, { ...arrival, traceparent: inHeader });
    const [inside, span] = exporter.getFinishedSpans();
    const { traceId = "", spanId = "" } = span?.spanContext() ?? {};
    expect(traceId).toBe(inHeader.slice(3, 35));
    expect(span?.parentSpanContext?.spanId).toBe(inHeader.slice(36, 52));
    expect(inside?.parentSpanContext?.spanId).toBe(spanId);
    expect(cause?.traceparent).toBe(`00-${traceId}-${spanId}-01`);
  });

  test("how long a message waited, with its broker and for its next attempt, is a span of its trace", async () => {
    const isFailing = vi.fn().mockRejectedValueOnce(new Error("not yet"));
    const [envelope, since] = [message(inEnvelope), Date.now() - 5_000];
    const waiting = { ...subscription(isFailing), attempts: 3 };
    for (const attempt of [1, 2, 3]) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      await attemptEnvelope(waiting, envelope, attempt, { ...arrival, sentAt: since });
    }
    const waits = exporter.getFinishedSpans().filter(({ name }) => name.startsWith("wait"));
    expect(waits.map(({ name }) => name)).toEqual(["wait broker", "wait retry"]);
    for (const { attributes, parentSpanContext } of waits) {
      expect(attributes["messaging.message.id"]).toBe(envelope.id);
      expect(parentSpanContext?.spanId).toBe(inEnvelope.slice(36, 52));
    }
    const [[seconds = 0] = []] = waits.map(({ duration }) => duration);
    expect(seconds).toBeGreaterThanOrEqual(5);
  });

  test("the span says what was processed", async () => {
    const envelope = message();
    await handleEnvelope(
      subscription(async () => {}),
      envelope,
      arrival,
    );
    const [span] = exporter.getFinishedSpans();
    expect(span).toMatchObject({ name: "process dev.order.created", kind: SpanKind.CONSUMER });
    expect(span?.attributes).toEqual({
      "messaging.system": "kafka",
      "messaging.destination.name": "dev.order.created",
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "messaging.consumer.group.name": "billing",
      "messaging.message.id": envelope.id,
      "messaging.message.conversation_id": envelope.correlationId,
      "throughline.type": "order.created",
      "throughline.key": "order-1",
    });
  });

  test("what this process carries of the baggage stands on the span and goes on, and no more of it", async () => {
    using _ = carryBaggage(["tenant"]);
    const envelope = { ...message(), baggage: { tenant: "acme", secret: "1" } };
    expect(await causeIn(envelope, arrival)).toMatchObject({ baggage: { tenant: "acme" } });
    const [span] = exporter.getFinishedSpans();
    expect(span?.attributes).toMatchObject({ "baggage.tenant": "acme" });
    expect(span?.attributes).not.toHaveProperty(["baggage.secret"]);
  });

  test("a header that is no trace context is as good as none", async () => {
    await handleEnvelope(
      subscription(async () => {}),
      message(inEnvelope),
      { ...arrival, traceparent: "00-nonsense" },
    );
    expect(exporter.getFinishedSpans()[0]?.parentSpanContext?.spanId).toBe(inEnvelope.slice(36, 52));
  });

  test("a failure stands on the span", async () => {
    const failing = subscription(() => Promise.reject(new RejectedError("no such order")));
    await expect(handleEnvelope(failing, message(), arrival)).rejects.toThrow("no such order");
    const [span] = exporter.getFinishedSpans();
    expect(span?.status).toEqual({ code: SpanStatusCode.ERROR, message: "no such order" });
    expect(span?.attributes["error.type"]).toBe("RejectedError");
    expect(span?.events.map(({ name }) => name)).toEqual(["exception"]);
  });

  test("of a query that failed, the span has what the driver says, and no values", async () => {
    const cause = new Error('relation "bills" does not exist');
    // As drizzle throws it.
    const error = new Error("Failed query: insert into bills values ($1)\nparams: hunter2", { cause });
    const thrown = Object.assign(error, { query: "insert into bills values ($1)", params: ["hunter2"] });
    const failing = subscription(() => Promise.reject(thrown));
    await expect(handleEnvelope(failing, message(), arrival)).rejects.toThrow("params: hunter2");
    const [span] = exporter.getFinishedSpans();
    expect(span?.status.message).toBe('relation "bills" does not exist');
    expect(span?.events[0]?.attributes?.["exception.message"]).toBe('relation "bills" does not exist');
    expect(JSON.stringify([span?.status, span?.events, span?.attributes])).not.toContain("hunter2");
  });
});

describe("the verdict", () => {
  test("is done where the handler returned", async () => {
    expect(
      await attemptEnvelope(
        subscription(async () => {}),
        message(),
        1,
        arrival,
      ),
    ).toEqual({ kind: "done" });
  });

  test("is another attempt after a doubling pause, and death after the last", async () => {
    const failing = subscription(() => Promise.reject(new Error("not yet")));
    const verdicts = await Promise.all([1, 2, 3].map((n) => attemptEnvelope(failing, message(), n, arrival)));
    expect(verdicts.map(({ kind }) => kind)).toEqual(["retry", "retry", "dead"]);
    const [first, second] = verdicts.map((verdict) => (verdict.kind === "retry" ? verdict.delayMs : 0));
    expect(first).toBeGreaterThanOrEqual(1_000);
    expect(second).toBeGreaterThanOrEqual(2_000);
  });

  test("is death at once for what can never be handled", async () => {
    const rejecting = subscription(() => Promise.reject(new RejectedError("never")));
    expect(await attemptEnvelope(rejecting, message(), 1, arrival)).toMatchObject({ kind: "dead" });
    const { verdict, envelope } = await attemptBytes(rejecting, "no JSON", 1, arrival);
    expect([verdict.kind, envelope]).toEqual(["dead", undefined]);
  });

  test("is death without another attempt where those before left no outcome", async () => {
    const handler = vi.fn(async () => {});
    const verdict = await attemptEnvelope(subscription(handler), message(), 4, arrival);
    expect(verdict).toMatchObject({ kind: "dead", error: { message: expect.stringContaining("left no outcome") } });
    expect(handler).not.toHaveBeenCalled();
  });

  test("is another delivery where the death could not be noted, and the reason is kept until it is", async () => {
    const beforeDead = vi.fn(async () => {}).mockRejectedValueOnce(new Error("no database"));
    const failing = { ...subscription(() => Promise.reject(new Error("out of stock"))), beforeDead };
    const envelope = message();
    const third = await attemptEnvelope(failing, envelope, 3, arrival);
    expect(third).toMatchObject({ kind: "retry", error: { cause: { message: "no database" } } });
    const fourth = await attemptEnvelope(failing, envelope, 4, arrival);
    expect(fourth).toMatchObject({ kind: "dead", error: { message: "out of stock" } });
    expect(beforeDead).toHaveBeenLastCalledWith(envelope, expect.objectContaining({ message: "out of stock" }));
  });

  test("has an error, whatever was thrown", async () => {
    const throwing = subscription(() => Promise.reject("a string"));
    expect(await attemptEnvelope(throwing, message(), 3, arrival)).toMatchObject({ error: { message: "a string" } });
  });
});

async function causeIn(envelope: Envelope, from: Arrival): Promise<Cause | undefined> {
  const causes: (Cause | undefined)[] = [];
  await handleEnvelope(
    subscription(async () => void causes.push(currentCause())),
    envelope,
    from,
  );
  return causes[0];
}

function subscription(handler: Handler): CompleteSubscription {
  return withDefaults({ group: "billing", types: ["order.created"], handler });
}

function message(traceparent?: string): Envelope {
  const origin = { source: "order-service", traceparent };
  return createEnvelope({ type: "order.created", version: "1", key: "order-1", data: {} }, origin);
}
