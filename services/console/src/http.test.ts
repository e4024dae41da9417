import { serveHttp } from "@throughline/service";
import express from "express";
import { expect, test } from "vitest";
import { routes } from "./http.ts";
import { otlpRoutes } from "./otlp.ts";
import type { Snapshot } from "./snapshot.ts";
import { createTraces } from "./traces.ts";

const quiet = { service: "test", httpHost: "127.0.0.1", port: 0, logLevel: "silent", shutdownGraceMs: 1_000 };
const relay = { destination: "kafka", waiting: 2, oldestMs: 10, parked: 0, dead: 0, publishedTotal: 7 };
const consumer = { group: "order", handled: 5, duplicates: 1, failed: 0, deadLettered: 0, inFlight: 0 };
const roads = [{ road: "kafka", waiting: 3, deadLetters: 1 }];
const deadLetters = [
  { group: "order", road: "kafka", open: 2, quarantined: 1 },
  { group: "order", road: "inbox", open: 1, quarantined: 0 },
  { group: "outbox", road: "kafka", open: 4, quarantined: 0 },
];
const order = {
  ...{ orderId: "o-1", customerId: "c-1", status: "completed", payment: "completed", stock: "reserved" },
  ...{ currency: "USD", totalInCents: 1_496, express: false, placedAt: "2026-11-23T10:00:00.000Z" },
};

const placed = { version: 1, type: "order-placed", at: "2026-11-23T10:00:00.000Z", data: { totalInCents: 1_496 } };

type SentSpan = {
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** Milliseconds. */
  readonly from: number;
  readonly to: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly error?: string;
};

test("the page shows each service, what waits in it and on its brokers, and the newest orders", async () => {
  await using shop = await openShop();
  const { services, orders } = await shop.snapshot();
  expect(services[0]).toMatchObject({ name: "order", isReady: true });
  expect(services[0]?.status).toMatchObject({
    relay: [{ ...relay, dead: 4 }],
    consumers: [{ ...consumer, roads: [{ road: "kafka", waiting: 3, deadLetters: 5 }] }],
  });
  expect(orders).toEqual([order]);
  const page = await fetch(`${shop.url}/`);
  expect(page.headers.get("content-type")).toContain("text/html");
  expect(await page.text()).toContain("Newest orders");
});

test("a service that is not ready or does not answer is shown with the reason", async () => {
  await using shop = await openShop({ isReady: false });
  const { services } = await shop.snapshot();
  expect(services[0]).toMatchObject({ isReady: false, reason: "database: it is being moved" });
  expect(services[1]).toMatchObject({ name: "gone", isReady: false });
  expect(services[1]?.reason).toContain("no answer");
});

test("the page of an order tells what happened to it and the way it took, over all services", async () => {
  await using shop = await openShop();
  const create = { spanId: "b1", parentSpanId: "a1", name: "create order.created", from: 5, to: 6 };
  const written = { "throughline.key": "o-1", "messaging.message.id": "m-1", "messaging.operation.name": "create" };
  const sent = {
    "messaging.message.id": "m-1",
    "messaging.operation.name": "publish",
    "throughline.outbox.waited_ms": 4,
  };
  const handled = { "messaging.message.id": "m-1", "messaging.operation.name": "process" };
  await shop.trace("order", [
    { spanId: "a1", name: "POST /orders", from: 0, to: 10, attributes: {} },
    { ...create, attributes: written },
    { spanId: "c1", parentSpanId: "b1", name: "publish order.created", from: 20, to: 30, attributes: sent },
  ]);
  await shop.trace("billing", [
    {
      spanId: "d1",
      parentSpanId: "b1",
      name: "process dev-billing",
      from: 37,
      to: 50,
      attributes: handled,
      error: "<no card>",
    },
  ]);
  const page = await (await fetch(`${shop.url}/orders/o-1`)).text();
  expect(page).toContain("<strong>completed</strong>");
  expect(page).toContain("order-placed");
  const steps = [...page.matchAll(/<td class="step">([^<]*)/g)].map(([, step]) => step);
  expect(steps).toEqual([
    "POST /orders",
    "  create order.created",
    "    publish order.created",
    "    process dev-billing ",
  ]);
  // It waited with the broker from the publish on, and its failure is shown as text.
  expect(page).toContain("7.0 ms");
  expect(page).toContain("&#60;no card&#62;");
});

test("an order that is unknown, or whose trace is not here, is said to be", async () => {
  await using shop = await openShop();
  const unknown = await fetch(`${shop.url}/orders?id=%20o-2%20`);
  expect([unknown.status, new URL(unknown.url).pathname]).toEqual([404, "/orders/o-2"]);
  expect(await unknown.text()).toContain("There is no such order");
  expect(await (await fetch(`${shop.url}/orders/o-1`)).text()).toContain("No trace of it is here");
});

test("nothing that a page shows may run, or load anything from elsewhere", async () => {
  await using shop = await openShop();
  for (const path of ["/", "/orders/o-1"]) {
    const page = await fetch(shop.url + path);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(await page.text()).not.toMatch(/<style|<script(?! src="\/)|style="|https?:/);
  }
});

test("the eldest traces are forgotten when there are too many spans", () => {
  const traces = createTraces({ mostSpans: 2 });
  const span = (traceId: string, spanId: string) => ({
    ...{ traceId, spanId, service: "order", name: "create", startMs: 0, endMs: 1 },
    attributes: { "throughline.key": traceId },
  });
  traces.add([span("one", "a"), span("one", "b")]);
  traces.add([span("two", "c")]);
  expect([traces.about("one").length, traces.about("two").length]).toEqual([0, 1]);
});

test("whoever watches gets a snapshot each second, until the console stops", async () => {
  await using shop = await openShop();
  const response = await fetch(`${shop.url}/events`);
  const received: string[] = [];
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    received.push(chunk);
    if (received.length === 2) shop.stop();
  }
  expect(received.every((chunk) => chunk.startsWith("data: {"))).toBe(true);
});

async function openShop({ isReady = true } = {}) {
  await using opened = new AsyncDisposableStack();
  const orders = express.Router();
  orders.get("/orders", (_request, response) => void response.json({ orders: [order] }));
  orders.get("/orders/o-1", (_request, response) => void response.json(order));
  orders.get("/orders/o-1/history", (_request, response) => void response.json({ events: [placed] }));
  const database = async () => {
    if (!isReady) throw new Error("it is being moved");
  };
  const status = () => ({ relay: [relay], consumers: [{ ...consumer, roads }], deadLetters });
  const service = opened.use(await serveHttp(quiet, { routes: orders, ready: { database }, status }));
  const addresses = [
    { name: "order", url: service.url },
    { name: "gone", url: "http://127.0.0.1:1" },
  ];
  const stopping = new AbortController();
  const traces = createTraces({ mostSpans: 100 });
  const console = opened.use(await serveHttp(quiet, { routes: routes(addresses, traces, stopping.signal) }));
  const otlp = opened.use(await serveHttp(quiet, { routes: otlpRoutes(traces) }));
  opened.defer(() => stopping.abort());
  const stack = opened.move();
  return {
    url: console.url,
    snapshot: async () => (await (await fetch(`${console.url}/snapshot`)).json()) as Snapshot,
    async trace(name: string, spans: readonly SentSpan[]) {
      const resource = { attributes: [{ key: "service.name", value: { stringValue: name } }] };
      const body = { resourceSpans: [{ resource, scopeSpans: [{ spans: spans.map(toOtlp) }] }] };
      const headers = { "content-type": "application/json" };
      const answer = await fetch(`${otlp.url}/v1/traces`, { method: "POST", headers, body: JSON.stringify(body) });
      expect(answer.status).toBe(200);
    },
    stop: () => stopping.abort(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function toOtlp({ from, to, attributes, error, ...span }: SentSpan) {
  return {
    ...{ ...span, traceId: "0af7651916cd43dd8448eb211c80319c", kind: 1 },
    startTimeUnixNano: `${from}000000`,
    endTimeUnixNano: `${to}000000`,
    attributes: Object.entries(attributes).map(([key, value]) => ({
      key,
      value: typeof value === "number" ? { intValue: value } : { stringValue: value },
    })),
    status: error === undefined ? {} : { code: 2, message: error },
  };
}
