import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Fleet, startFleet } from "./testing/fleet.ts";
import { orderOf, shopOf } from "./testing/shop.ts";

type Span = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly service: string;
  readonly attributes: Readonly<Record<string, unknown>>;
};

const traceId = "0af7651916cd43dd8448eb211c80319c";
const callerSpanId = "b7ad6b7169203331";

let collector: Awaited<ReturnType<typeof startCollector>>;
let fleet: Fleet;
beforeAll(async () => {
  collector = await startCollector();
  fleet = await startFleet({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
}, 120_000);
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
}, 60_000);

test("one order is one tree, from the caller's span over all brokers to the last view", async () => {
  const shop = shopOf(fleet);
  const sku = await shop.stocked(10);
  const { orderId } = await shop.place(orderOf(sku), { traceparent: `00-${traceId}-${callerSpanId}-01` });
  expect(await shop.ended(orderId)).toMatchObject({ status: "completed" });
  const spans = () => collector.spans.filter((span) => span.traceId === traceId);
  const isLast = ({ service, name }: Span) => service === "analytics" && /^process .*order\.completed$/.test(name);
  await vi.waitUntil(() => spans().some(isLast) && everyParent(spans()), { timeout: 60_000, interval: 100 });

  const roots = spans().filter(({ parentSpanId }) => parentSpanId === callerSpanId);
  expect(roots.map(({ name, kind, service }) => ({ name, kind, service }))).toEqual([
    { name: "POST /orders", kind: 2, service: "order" },
  ]);
  expect(new Set(spans().map(({ service }) => service))).toEqual(
    new Set(["order", "billing", "inventory", "analytics"]),
  );
  expect(new Set(spans().map(({ kind }) => kind))).toEqual(new Set([2, 3, 4, 5]));
  const systems = spans().map(({ attributes }) => attributes["messaging.system"]);
  expect(new Set(systems.filter((system) => system !== undefined))).toEqual(new Set(["kafka", "rabbitmq", "aws_sqs"]));

  const last = spans().find(isLast);
  const way = pathTo(last, spans()).map(
    ({ service, name }) => `${service}: ${name.replace(/ \S*?((order|payment|stock)\.\w+)$/, " $1")}`,
  );
  expect(way[0]).toBe("order: POST /orders");
  expect(way).toContain("billing: create payment.requested");
  expect(way).toContain("order: create order.completed");
});

test("a trace that the caller did not want sampled is not sampled anywhere", async () => {
  const shop = shopOf(fleet);
  const unsampled = traceId.replace("0af7", "0bf7");
  const sku = await shop.stocked(10);
  const { orderId } = await shop.place(orderOf(sku), { traceparent: `00-${unsampled}-${callerSpanId}-00` });
  const sampled = await shop.place(orderOf(sku), {
    traceparent: `00-${traceId.replace("0af7", "0cf7")}-${callerSpanId}-01`,
  });
  await Promise.all([shop.ended(orderId), shop.ended(sampled.orderId)]);
  const hasArrived = (id: string) =>
    collector.spans.some((span) => span.traceId === id && span.service === "analytics");
  await vi.waitUntil(() => hasArrived(traceId.replace("0af7", "0cf7")), { timeout: 60_000 });
  expect(collector.spans.filter((span) => span.traceId === unsampled)).toEqual([]);
});

/** True where each span's parent has arrived, the caller's own aside. */
function everyParent(spans: readonly Span[]): boolean {
  const known = new Set([callerSpanId, ...spans.map(({ spanId }) => spanId)]);
  return spans.every(({ parentSpanId }) => parentSpanId !== undefined && known.has(parentSpanId));
}

/** From the root down to the span. */
function pathTo(span: Span | undefined, spans: readonly Span[]): Span[] {
  if (span === undefined) return [];
  return [
    ...pathTo(
      spans.find(({ spanId }) => spanId === span.parentSpanId),
      spans,
    ),
    span,
  ];
}

/** Receives spans as a collector does: OTLP over HTTP, as JSON. */
async function startCollector() {
  const spans: Span[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    if (request.url === "/v1/traces") spans.push(...read(body));
    response.setHeader("content-type", "application/json").end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    spans,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Attribute = { readonly key: string; readonly value: { readonly stringValue?: string } };
type Export = {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<Span, "attributes"> & { attributes?: Attribute[] })[];
    }[];
  }[];
};

function read(body: string): Span[] {
  const { resourceSpans } = JSON.parse(body) as Export;
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(valuesOf(resource.attributes)["service.name"]);
    const sent = scopeSpans.flatMap(({ spans }) => spans);
    return sent.map((span) => ({ ...span, service, attributes: valuesOf(span.attributes ?? []) }));
  });
}

function valuesOf(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]));
}
