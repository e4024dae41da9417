import { type Access, openAccess, serveHttp } from "@throughline/service";
import express, { type Router } from "express";
import { expect } from "vitest";
import { type ConsoleParts, routes } from "./http.ts";
import { otlpRoutes } from "./otlp.ts";
import { createTraces } from "./traces.ts";
import { type Drawn, type Watch, watchServices } from "./watch.ts";

export type SentSpan = {
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** Milliseconds. */
  readonly from: number;
  readonly to: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly error?: string;
};

const quiet = { service: "test", httpHost: "127.0.0.1", port: 0, logLevel: "silent", shutdownGraceMs: 1_000 };
export const relay = { destination: "kafka", waiting: 2, oldestMs: 10, parked: 0, dead: 0, publishedTotal: 7 };
export const consumer = { group: "order", handled: 5, duplicates: 1, failed: 0, deadLettered: 0, inFlight: 0 };
const roads = [{ road: "kafka", waiting: 3, deadLetters: 1 }];
const deadLetters = [
  { group: "order", road: "kafka", open: 2, quarantined: 1 },
  { group: "order", road: "inbox", open: 1, quarantined: 0 },
  { group: "outbox", road: "kafka", open: 4, quarantined: 0 },
];
export const order = {
  ...{ orderId: "o-1", customerId: "c-1", status: "completed", payment: "completed", stock: "reserved" },
  ...{ currency: "USD", totalInCents: 1_496, express: false, placedAt: "2026-11-23T10:00:00.000Z" },
};

const placed = { version: 1, type: "order-placed", at: "2026-11-23T10:00:00.000Z", data: { totalInCents: 1_496 } };

export type ShopOptions = {
  readonly isReady?: boolean;
  /** Why Kafka does not answer. Default: it does. */
  readonly kafkaFault?: string;
  /** Default: whoever looks may, and nobody changes anything. */
  readonly access?: Access;
  /** Pages beside those that every console has. Default: none. */
  readonly more?: (watch: Watch, orderUrl: string) => readonly Router[];
  readonly lettersAbout?: NonNullable<ConsoleParts["lettersAbout"]>;
};

const anybody = openAccess({ access: { kind: "development" } });

/** A console that looks at an order service, and at one that is gone. */
export async function openShop(options: ShopOptions = {}) {
  const { isReady = true, kafkaFault, access = anybody, more = () => [], ...others } = options;
  await using opened = new AsyncDisposableStack();
  const orders = express.Router();
  orders.get("/orders", (_request, response) => void response.json({ orders: [order] }));
  orders.get("/orders/o-1", (_request, response) => void response.json(order));
  orders.get("/orders/o-1/history", (_request, response) => void response.json({ events: [placed] }));
  const database = async () => {
    if (!isReady) throw new Error("it is being moved");
  };
  const seen = roads.map((road) => ({ ...road, ...(kafkaFault && { reason: kafkaFault }) }));
  const status = () => ({ relay: [relay], consumers: [{ ...consumer, roads: seen }], deadLetters });
  const service = opened.use(await serveHttp(quiet, { routes: orders, ready: { database }, status }));
  const addresses = [
    { name: "order", url: service.url },
    { name: "gone", url: "http://127.0.0.1:1" },
  ];
  const stopping = new AbortController();
  const traces = createTraces({ mostSpans: 100 });
  const watch = opened.use(watchServices(addresses));
  const parts = {
    ...others,
    addresses,
    watch,
    traces,
    access,
    more: more(watch, service.url),
    stopping: stopping.signal,
  };
  const console = opened.use(await serveHttp(quiet, { routes: routes(parts) }));
  const otlp = opened.use(await serveHttp(quiet, { routes: otlpRoutes(traces) }));
  opened.defer(() => stopping.abort());
  const stack = opened.move();
  return {
    url: console.url,
    snapshot: async () => (await (await fetch(`${console.url}/snapshot`)).json()) as Drawn,
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
