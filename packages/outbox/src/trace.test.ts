import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { carryBaggage, parseEnvelope, runCausedBy } from "@throughline/envelope";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { startRelay } from "./index.ts";
import { createBroker, openOutbox, readWires, tell, told } from "./outbox-under-test.ts";

const soon = { timeout: 25_000, interval: 5 };
const elsewhere = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

describe("where nothing is traced", () => {
  test("the trace of the cause goes on, and without one there is none", async () => {
    await using outbox = await openOutbox();
    const broker = createBroker();
    await using _ = await startRelay(outbox.database, { to: [broker] });
    await tell(outbox.database, told("a"));
    await runCausedBy({ correlationId: "request-1", traceparent: elsewhere }, () => tell(outbox.database, told("a")));
    await vi.waitUntil(() => broker.received.length === 2, soon);
    expect(broker.received.map(({ traceparent }) => traceparent)).toEqual([undefined, elsewhere]);
  });

  test("without an SDK no span is prepared, and one that is registered later is noticed", async () => {
    await using outbox = await openOutbox();
    const broker = createBroker();
    const destinationOf = vi.fn(broker.transport.destinationOf);
    await using _ = await startRelay(outbox.database, { to: [{ transport: { ...broker.transport, destinationOf } }] });
    const sendOne = () =>
      runCausedBy({ correlationId: "r", traceparent: elsewhere }, () => tell(outbox.database, told("a")));
    await sendOne();
    await vi.waitUntil(async () => broker.received.length === 1, soon);
    expect(destinationOf).not.toHaveBeenCalled();
    trace.setGlobalTracerProvider(new TracerProvider());
    await sendOne();
    await vi.waitUntil(() => destinationOf.mock.calls.length > 0, soon).finally(() => trace.disable());
  });
});

describe("where an SDK traces", () => {
  const exporter = new InMemorySpanExporter();

  beforeEach(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
  });

  afterEach(() => {
    exporter.reset();
    trace.disable();
    context.disable();
  });

  test("a message carries the span of its creation, and its publication is a child of that", async () => {
    await using outbox = await openOutbox();
    const broker = createBroker();
    await trace.getTracer("test").startActiveSpan("request", async (request) => {
      await tell(outbox.database, told("a"));
      request.end();
    });
    await using _ = await startRelay(outbox.database, { to: [broker] });
    await vi.waitUntil(() => find("publish order.created") !== undefined, soon);

    const [request, create, publish] = [find("request"), find("create order.created"), find("publish order.created")];
    expect([create?.kind, publish?.kind]).toEqual([SpanKind.PRODUCER, SpanKind.CLIENT]);
    expect(create?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
    expect(publish?.parentSpanContext?.spanId).toBe(create?.spanContext().spanId);
    const { traceId, spanId } = create?.spanContext() ?? {};
    expect(broker.received[0]?.traceparent).toBe(`00-${traceId}-${spanId}-01`);
    expect(create?.attributes["messaging.message.id"]).toBe(broker.received[0]?.id);
    const wait = find("wait outbox");
    expect(wait?.parentSpanContext?.spanId).toBe(create?.spanContext().spanId);
    expect(wait?.endTime).toEqual(publish?.startTime);
  });

  test("what a message is and where it goes is told in the words of OpenTelemetry", async () => {
    await using outbox = await openOutbox();
    const broker = createBroker();
    await tell(outbox.database, told("a"));
    await using _ = await startRelay(outbox.database, { to: [broker] });
    await vi.waitUntil(() => find("publish order.created") !== undefined, soon);
    const [{ id, correlationId } = { id: "", correlationId: "" }] = broker.received;
    const message = { "messaging.message.id": id, "messaging.message.conversation_id": correlationId };
    const ours = { "throughline.type": "order.created", "throughline.key": "a" };
    expect(find("create order.created")?.attributes).toEqual({
      ...message,
      ...ours,
      "messaging.operation.name": "create",
      "messaging.operation.type": "create",
    });
    expect(find("publish order.created")?.attributes).toEqual({
      ...message,
      ...ours,
      "messaging.operation.name": "publish",
      "messaging.operation.type": "send",
      "messaging.system": "memory",
      "messaging.destination.name": "dev.order.created",
      "throughline.destination": broker.transport.name,
    });
  });

  test("what is carried of the baggage of the cause is in the message, and stands on the span of its creation", async () => {
    using _ = carryBaggage(["tenant"]);
    await using outbox = await openOutbox();
    const cause = { correlationId: "request-1", baggage: { tenant: "acme", secret: "1" } };
    await runCausedBy(cause, () => tell(outbox.database, told("a")));
    const wires = await readWires(outbox.database);
    expect(wires.map((wire) => parseEnvelope(wire).baggage)).toEqual([{ tenant: "acme" }]);
    expect(find("create order.created")?.attributes).toMatchObject({ "baggage.tenant": "acme" });
    expect(find("create order.created")?.attributes).not.toHaveProperty(["baggage.secret"]);
  });

  test("messages that leave together are linked to one span for all, and that to them", async () => {
    await using outbox = await openOutbox();
    const broker = createBroker();
    await tell(outbox.database, told("a"), told("b"));
    await using _ = await startRelay(outbox.database, { to: [broker] });
    await vi.waitUntil(() => all("publish order.created").length === 2, soon);
    const batches = all(`send ${broker.transport.name}`);
    const linked = batches.flatMap(({ links }) => links.map(({ context }) => context.spanId));
    expect(new Set(linked)).toEqual(new Set(all("create order.created").map((span) => span.spanContext().spanId)));
    const { "messaging.batch.message_count": count, "messaging.system": system } = batches[0]?.attributes ?? {};
    expect([batches.length, count, system]).toEqual([1, 2, "memory"]);
    const toBatch = all("publish order.created").flatMap(({ links }) => links.map(({ context }) => context.spanId));
    expect(new Set(toBatch)).toEqual(new Set(batches.map((span) => span.spanContext().spanId)));
  });

  test("a message that was caused elsewhere stays in that trace", async () => {
    await using outbox = await openOutbox();
    await runCausedBy({ correlationId: "request-1", traceparent: elsewhere }, () => tell(outbox.database, told("a")));
    expect(find("create order.created")?.spanContext().traceId).toBe("0af7651916cd43dd8448eb211c80319c");
  });

  test("a refusal is seen in the trace of its message", async () => {
    await using outbox = await openOutbox();
    const broker = createBroker();
    broker.answer = () => "refused";
    await tell(outbox.database, told("a"));
    await using _ = await startRelay(outbox.database, { to: [broker], onError: () => {} });
    await vi.waitUntil(() => find("publish order.created") !== undefined, soon);
    expect(find("publish order.created")?.status).toEqual({
      code: SpanStatusCode.ERROR,
      message: "refused by the broker",
    });
    expect(find("publish order.created")?.attributes).toMatchObject({
      "error.type": "Error",
      "messaging.system": "memory",
      "messaging.destination.name": "dev.order.created",
    });
  });

  test("a message that is tried again has waited since it was refused, and those behind it were parked", async () => {
    await using outbox = await openOutbox();
    const broker = createBroker();
    let refusals = 2;
    broker.answer = () => (refusals-- > 0 ? "refused" : undefined);
    await tell(outbox.database, told("a"), told("a"));
    await using _ = await startRelay(outbox.database, { to: [broker], retryMs: 10, onError: () => {} });
    await vi.waitUntil(() => all("publish order.created").length === 4, soon);

    const ofMessage = (id: string | undefined) =>
      exporter
        .getFinishedSpans()
        .filter(({ name, attributes }) => /^(wait|publish)/.test(name) && attributes["messaging.message.id"] === id)
        .toSorted((one, other) => toMs(one.startTime) - toMs(other.startTime));
    const [first, behind] = broker.received.map(({ id }) => ofMessage(id));
    const again = ["wait retry", "publish order.created"];
    expect(first?.map(({ name }) => name)).toEqual(["wait outbox", "publish order.created", ...again, ...again]);
    expect(behind?.map(({ name }) => name)).toEqual(["wait parked", "publish order.created"]);
    // One after another, so that their lengths add up.
    const overlaps = first?.filter(({ startTime }, nth) => toMs(startTime) < toMs(first[nth - 1]?.endTime ?? [0, 0]));
    expect(overlaps).toEqual([]);
  });

  test("a message that is refused because it can have no place there is traced without one", async () => {
    await using outbox = await openOutbox();
    const broker = createBroker();
    broker.answer = () => "refused";
    const destinationOf = () => {
      throw new Error("no such name");
    };
    await tell(outbox.database, told("a"));
    const to = [{ transport: { ...broker.transport, destinationOf } }];
    await using _ = await startRelay(outbox.database, { to, onError: () => {} });
    await vi.waitUntil(() => find("publish order.created") !== undefined, soon);
    const { attributes = {} } = find("publish order.created") ?? {};
    expect([attributes["error.type"], "messaging.system" in attributes]).toEqual(["Error", false]);
  });

  function toMs([seconds, nanoseconds]: ReadableSpan["startTime"]): number {
    return 1_000 * seconds + Math.floor(nanoseconds / 1e6);
  }

  function all(name: string): ReadableSpan[] {
    return exporter.getFinishedSpans().filter((span) => span.name === name);
  }

  function find(name: string): ReadableSpan | undefined {
    return all(name)[0];
  }
});
