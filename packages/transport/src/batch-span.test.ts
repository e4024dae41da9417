import { randomBytes } from "node:crypto";
import { diag, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { createEnvelope, type Envelope } from "@throughline/envelope";
import { uniqueName } from "@throughline/local/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { traceBatch } from "./batch-span.ts";
import { createSettling } from "./kafka/batch-spans.ts";
import { brokers, clients } from "./kafka/testing/shop.ts";
import { kafkaTransport } from "./kafka.ts";
import { isExcused, openBench as openRabbitmq } from "./rabbitmq/testing/under-test.ts";
import { openBench as openSnsSqs } from "./sns-sqs/bench.ts";
import type { Transport } from "./transport.ts";

const soon = { timeout: 30_000, interval: 20 };
const exporter = new InMemorySpanExporter();
beforeAll(() => {
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
});
afterAll(() => trace.disable());

type Place = { readonly transport: Transport; readonly namespace: string } & AsyncDisposable;
const isWithoutKafka = brokers.length === 0 && process.env.CI !== "true";
const onKafka = (client: (typeof clients)[number]) => ({
  ...{ road: `Kafka, by ${client}`, system: "kafka", isPulled: true, isMissing: isWithoutKafka },
  async open(): Promise<Place> {
    const namespace = uniqueName("t");
    const transport = kafkaTransport({ brokers, namespace, client, partitions: 1 });
    return { transport, namespace, async [Symbol.asyncDispose]() {} };
  },
  names: (namespace: string) => [`${namespace}.order.created`, `${namespace}.billing`],
});
const roads = [
  ...clients.map(onKafka),
  {
    ...{ road: "SNS and SQS", system: "aws_sqs", isPulled: true, isMissing: false, open: () => openSnsSqs() },
    names: (namespace: string) => [`${namespace}-billing`, `${namespace}-billing`],
  },
  {
    ...{ road: "RabbitMQ", system: "rabbitmq", isPulled: false, isMissing: isExcused, open: () => openRabbitmq() },
    names: (namespace: string) => [`${namespace}.billing`, `${namespace}.billing`],
  },
];

for (const { road, system, isPulled, isMissing, open, names } of roads) {
  describe.skipIf(isMissing).concurrent(`on ${road}`, () => {
    test("a call that brings or settles messages is linked to those that are sampled, and their spans to it", async () => {
      await using place = await open();
      const [from = "", on = ""] = names(place.namespace);
      const sent = [order(true), order(false), order(true)];
      const creations = sent.filter(isSampled).map(creationOf);
      await handleAll(place.transport, sent);

      const settles = named(`settle ${on}`);
      expect(linksOf(...settles).sort()).toEqual(creations.toSorted());
      const received = named(`receive ${from}`);
      expect(linksOf(...received).sort()).toEqual(isPulled ? creations.toSorted() : []);
      for (const span of [...received, ...settles]) {
        expect(span).toMatchObject({ kind: SpanKind.CLIENT, parentSpanContext: undefined });
        const [operation] = span.name.split(" ");
        expect(span.attributes).toMatchObject({
          "messaging.system": system,
          "messaging.operation.type": operation,
          "messaging.consumer.group.name": "billing",
        });
      }
      const countOf = (spans: readonly ReadableSpan[]) =>
        spans.reduce((sum, { attributes }) => sum + Number(attributes["messaging.batch.message_count"]), 0);
      // What is not sampled counts where it came or went with others.
      if (isPulled) for (const spans of [received, settles]) expect([2, 3]).toContain(countOf(spans));
      const ids = received.map((span) => span.spanContext().spanId);
      for (const span of named(`process ${from}`)) expect(ids).toEqual(expect.arrayContaining(linksOf(span)));
      expect(linksOf(...named(`process ${from}`))).toHaveLength(isPulled ? 2 : 0);
    });

    test("none of a call's messages is sampled, and it has no span", async () => {
      await using place = await open();
      await handleAll(place.transport, [order(false), order(false)]);
      const [from, on] = names(place.namespace);
      expect([...named(`receive ${from}`), ...named(`settle ${on}`)]).toEqual([]);
    });
  });
}

test("where SQS does not take a delete, its span says so, and the next call has its own", async () => {
  await using bench = await openSnsSqs();
  const failing = { status: 500, contentType: "application/x-amz-json-1.0", body: "{}" };
  let isFailing = true;
  bench.proxy.intercept = ({ action }) => (isFailing && action === "DeleteMessageBatch" ? failing : undefined);
  const sent = order(true);
  const settles = () => named(`settle ${bench.namespace}-billing`);
  await bench.listen();
  await bench.publish([sent]);
  await vi.waitUntil(() => settles().length > 0, soon);
  isFailing = false;
  await vi.waitUntil(() => settles().some(({ status }) => status.code === SpanStatusCode.UNSET), soon);
  expect(settles()[0]?.status.code).toBe(SpanStatusCode.ERROR);
  expect(settles()[0]?.attributes["error.type"]).toBeTypeOf("string");
  expect(new Set(linksOf(...settles()))).toEqual(new Set([creationOf(sent)]));
});

test("what a commit did not settle is for the next one, with what has ended meanwhile", async () => {
  const settling = createSettling("dev.billing", "billing");
  const [first, second] = [newTraceparent(true), newTraceparent(true)];
  const add = (traceparent: string) => settling.add(record(traceparent));
  add(first);
  add(newTraceparent(false));
  await expect(settling.by(() => Promise.reject(new TypeError("no coordinator")))).rejects.toThrow("no coordinator");
  add(second);
  await settling.by(async () => {});
  await settling.by(async () => {});
  const spans = named("settle dev.billing");
  expect(spans.map(({ status }) => status.code)).toEqual([SpanStatusCode.ERROR, SpanStatusCode.UNSET]);
  expect(spans[0]?.attributes["error.type"]).toBe("TypeError");
  expect(spans.map((span) => linksOf(span))).toEqual([[spanIdOf(first)], [first, second].map(spanIdOf)]);
  expect(spans.map(({ attributes }) => attributes["messaging.batch.message_count"])).toEqual([2, 3]);
});

test("a call is linked to 128 messages at most, and to none that no tracer can have made", () => {
  const traceparents = ["no trace, but an odd end: 1", ...Array.from({ length: 200 }, () => newTraceparent(true))];
  const call = { operation: "receive" as const, on: "many", count: 201, attributes: {} };
  const span = traceBatch(traceparents, String, call);
  expect(named("receive many").map((one) => one.spanContext())).toEqual([span]);
  expect(linksOf(...named("receive many"))).toEqual(traceparents.slice(1, 129).map(spanIdOf));
});

test("where a tracer throws, what was settled is, and why there is no span is told", async () => {
  const told: string[] = [];
  const ignore = () => {};
  diag.setLogger({ error: (text) => told.push(text), warn: ignore, info: ignore, debug: ignore, verbose: ignore });
  const shouldSample = () => {
    throw new Error("no sample");
  };
  trace.disable();
  trace.setGlobalTracerProvider(new TracerProvider({ sampler: { shouldSample } }));
  const settling = createSettling("dev.billing", "billing");
  settling.add(record(newTraceparent(true)));
  await settling.by(async () => {});
  expect(told).toEqual(["settle dev.billing has no span: Error: no sample"]);
  diag.disable();
});

/** Resolves once all are settled: a subscriber that leaves has settled what it handled. */
async function handleAll(transport: Transport, envelopes: readonly Envelope[]): Promise<void> {
  const handled: Envelope[] = [];
  const subscriber = await transport.connectSubscriber();
  await using publisher = await transport.connectPublisher();
  try {
    const handler = async (envelope: Envelope) => void handled.push(envelope);
    await subscriber.subscribe({ group: "billing", types: ["order.created"], handler });
    await publisher.publish(envelopes);
    await vi.waitUntil(() => handled.length === envelopes.length, soon);
  } finally {
    await subscriber[Symbol.asyncDispose]();
  }
}

function order(isSampled: boolean): Envelope {
  const origin = { source: "order-service", traceparent: newTraceparent(isSampled) };
  return createEnvelope({ type: "order.created", version: "1", key: uniqueName("order"), data: {} }, origin);
}

/** Of a span that nobody here has made. */
function newTraceparent(isSampled: boolean): string {
  return `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-0${isSampled ? 1 : 0}`;
}

function isSampled({ traceparent = "" }: Envelope): boolean {
  return traceparent.endsWith("1");
}

function creationOf({ traceparent = "" }: Envelope): string {
  return spanIdOf(traceparent);
}

function spanIdOf(traceparent: string): string {
  return traceparent.slice(36, 52);
}

function named(name: string): ReadableSpan[] {
  return exporter.getFinishedSpans().filter((span) => span.name === name);
}

function linksOf(...spans: readonly ReadableSpan[]): string[] {
  return spans.flatMap(({ links }) => links).map(({ context }) => context.spanId);
}

function record(traceparent: string) {
  const place = { topic: "dev.order.created", partition: 0, offset: 0n, timestamp: 0n };
  return { ...place, key: null, value: null, headers: [["traceparent", Buffer.from(traceparent)]] as const };
}
