import { getEventListeners } from "node:events";
import { type Access, openAccess, serveHttp } from "@throughline/service";
import express, { type Router } from "express";
import { expect } from "vitest";
import { type ConsoleParts, routes } from "./http.ts";
import type { ServiceLine } from "./kind-page.ts";
import { serveOtlp } from "./otlp.ts";
import type { RecordsAbout } from "./records-about.ts";
import { type SentSpan, spansOfBilling, spansOfOrder } from "./spans-under-test.ts";
import { createTraces } from "./traces.ts";
import { type Drawn, type Watch, watchServices } from "./watch.ts";

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

const placedMs = Date.parse(order.placedAt);
const placed = { version: 1, type: "order-placed", at: "2026-11-23T10:00:00.000Z", data: { totalInCents: 1_496 } };

const told = (id: string, type: string, at: string, roads: RecordsAbout["messages"][number]["roads"]) => ({
  ...{ service: "order", id, type, at: new Date(at), roads },
});
const died = (
  second: number,
  letter: Pick<ServiceLine, "service" | "number" | "messageId" | "refusedBy" | "error">,
) => ({
  ...{ ...letter, state: "open" as const, type: "order.created", key: "o-1", deaths: 1, replays: 0 },
  failedAt: new Date(`2026-11-23T10:00:0${second}.000Z`),
});
/** A message that one road refused for good and billing could not handle, and one that waits. */
export const records: RecordsAbout = {
  messages: [
    // Its transaction began before the order was placed in it.
    told("m-1", "order.created", "2026-11-23T09:59:59.990Z", [
      { destination: "kafka", state: "left" },
      { destination: "sns-sqs", state: "left" },
    ]),
    told("m-2", "order.completed", "2026-11-23T10:00:03.000Z", [
      { destination: "kafka", state: "waits" },
      { destination: "sns-sqs", state: "parked" },
    ]),
  ],
  others: 2,
  letters: [
    died(1, { service: "billing", number: 7, messageId: "m-1", refusedBy: null, error: "RejectedError: no" }),
    died(2, { service: "order", number: 3, messageId: "m-1", refusedBy: "sns-sqs", error: "Refused: no" }),
  ],
  silent: [{ service: "inventory", reason: "it is being moved" }],
};

export type ShopOptions = {
  readonly isReady?: boolean;
  /** Default: true, and there is one. */
  readonly hasOrders?: boolean;
  /** Whether POST /orders succeeds. Default: false. */
  readonly takesOrders?: boolean;
  /** Why Kafka does not answer. Default: it does. */
  readonly kafkaFault?: string;
  /** Default: whoever looks may, and nobody changes anything. */
  readonly access?: Access;
  /** Pages beside those that every console has. Default: none. */
  readonly more?: (watch: Watch, orderUrl: string) => readonly Router[];
  readonly recordsAbout?: NonNullable<ConsoleParts["recordsAbout"]>;
};

const acts = { info: () => undefined };
const anybody = openAccess({ access: { kind: "development" } });

/** A console that looks at an order service, and at one that is gone. */
export async function openShop(options: ShopOptions = {}) {
  const { isReady = true, hasOrders = true, takesOrders = false, kafkaFault, ...others } = options;
  const { access = anybody, more = () => [], recordsAbout } = others;
  await using opened = new AsyncDisposableStack();
  const orders = express.Router();
  const traceparents: (string | undefined)[] = [];
  orders.use((request, _response, next) => {
    traceparents.push(request.get("traceparent"));
    next();
  });
  orders.get("/orders", (_request, response) => void response.json({ orders: hasOrders ? [order] : [] }));
  if (takesOrders) orders.post("/orders", (_request, response) => void response.status(201).json(order));
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
    ...{ addresses, watch, traces, access, acts, more: more(watch, service.url), stopping: stopping.signal },
    ...(recordsAbout && { recordsAbout }),
  };
  const console = opened.use(await serveHttp(quiet, { routes: routes(parts) }));
  const otlp = opened.use(await serveOtlp(quiet, traces));
  opened.defer(() => stopping.abort());
  const stack = opened.move();
  async function trace(name: string, spans: readonly SentSpan[]): Promise<void> {
    const resource = { attributes: [{ key: "service.name", value: { stringValue: name } }] };
    const body = { resourceSpans: [{ resource, scopeSpans: [{ spans: spans.map(toOtlp) }] }] };
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${otlp.url}/v1/traces`, { method: "POST", headers, body: JSON.stringify(body) });
    expect(answer.status).toBe(200);
  }
  return {
    url: console.url,
    /** Of each question about orders. */
    traceparents,
    watchers: () => getEventListeners(stopping.signal, "abort").length,
    snapshot: async () => (await (await fetch(`${console.url}/snapshot`)).json()) as Drawn,
    /** The way of the order: it waits in the outbox and with the broker; billing fails twice, and not when it is sent again. */
    async traceOrder() {
      await trace("order", spansOfOrder);
      await trace("billing", spansOfBilling);
    },
    trace,
    stop: () => stopping.abort(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

export const traceId = "0af7651916cd43dd8448eb211c80319c";
function toOtlp({ from, to, attributes, error, ...span }: SentSpan) {
  return {
    ...{ traceId, ...span, kind: 1 },
    startTimeUnixNano: `${placedMs + from}000000`,
    endTimeUnixNano: `${placedMs + to}000000`,
    attributes: Object.entries(attributes).map(([key, value]) => ({
      key,
      value: typeof value === "number" ? { intValue: value } : { stringValue: value },
    })),
    status: error === undefined ? {} : { code: 2, message: error },
  };
}
