import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { testBrokers, uniqueName } from "@throughline/local/testing";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { audit, clean } from "./testing/audit.ts";
import { type Fleet, startFleet } from "./testing/fleet.ts";
import { call, get } from "./testing/http.ts";
import { startFurther } from "./testing/processes.ts";
import { type OrderBody, orderOf, type Placed, shopOf } from "./testing/shop.ts";
import { openTaps, type Taps } from "./testing/taps.ts";

type Report = {
  readonly orders: { readonly placed: number; readonly completed: number; readonly cancelled: number };
  readonly revenue: readonly { readonly currency: string; readonly orders: number; readonly amountInCents: number }[];
};
type Event = { readonly version: number; readonly type: string; readonly data: object; readonly at: string };
type Page = { readonly orders: readonly { readonly orderId: string }[]; readonly after?: string };

/** Less than a test may take, so that what is still missing is told. */
const patience = { timeout: 20_000, interval: 50 };

let fleet: Fleet;
let shop: ReturnType<typeof shopOf>;
let taps: Taps;
const placed: string[] = [];
/** Takes spans and metrics, and never answers. */
const silentCollector = createServer(() => {
  calls += 1;
});
let calls = 0;
beforeAll(async () => {
  await once(silentCollector.listen(0, "127.0.0.1"), "listening");
  const { port } = silentCollector.address() as AddressInfo;
  fleet = await startFleet({
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: "500",
      OTEL_METRICS_EXPORTER: "otlp",
      OTEL_METRIC_EXPORT_TIMEOUT: "500",
    },
    // One charge at a time, so that work has to wait.
    each: { billing: { HANDLER_CONCURRENCY: "1" } },
  });
  shop = shopOf(fleet);
  taps = await openTaps(fleet.namespace);
}, 120_000);
afterAll(async () => {
  await taps[Symbol.asyncDispose]();
  await fleet[Symbol.asyncDispose]();
  silentCollector.closeAllConnections();
  silentCollector.close();
}, 60_000);
// Where a test has failed while the provider stood still.
afterEach(() => fleet.services.provider.kill("SIGCONT"));

test.concurrent("an order completes and everyone knows", async () => {
  const sku = await shop.stocked(5);
  const order = { ...orderOf(sku, 1_496, 2), currency: "CHF" };
  const { orderId } = await place(order);
  expect(await shop.ended(orderId)).toMatchObject({
    ...{ orderId, status: "completed", payment: "completed", stock: "reserved", totalInCents: 1_496 },
    ...order,
  });
  expect(await shop.payment(orderId)).toMatchObject({ orderId, status: "charged", amountInCents: 1_496 });
  expect(await shop.ledger(orderId)).toMatchObject([{ kind: "charge", orderId, amountInCents: 1_496 }]);
  await stockBecomes(sku, 3);
  const revenue = async () => (await report()).revenue.filter(({ currency }) => currency === "CHF");
  await becomes(revenue, [{ currency: "CHF", orders: 1, amountInCents: 1_496 }]);
});

test.concurrent("a declined card cancels the order with that reason, and the stock is given back", async () => {
  const sku = await shop.stocked(5);
  const { orderId } = await place(orderOf(sku, 1_413, 5));
  expect(await shop.ended(orderId)).toMatchObject({ status: "cancelled", reason: "card declined", payment: "failed" });
  expect(await shop.payment(orderId)).toMatchObject({ status: "declined", reason: "card declined" });
  expect(await shop.ledger(orderId)).toEqual([]);
  await stockBecomes(sku, 5);
});

test.concurrent("a sold-out order is cancelled and nothing stays charged", async () => {
  const sku = await shop.stocked(1);
  const { orderId } = await place(orderOf(sku, 1_496, 2));
  expect(await shop.ended(orderId)).toMatchObject({ status: "cancelled", reason: "sold out", stock: "rejected" });
  await settled(orderId);
  await stockBecomes(sku, 1);
});

test.concurrent("of several SKUs an order gets all or none", async () => {
  const [plenty, scarce] = [await shop.stocked(5), await shop.stocked(1)];
  const item = { quantity: 1, amountInCents: 500 };
  const order = { ...orderOf(plenty), items: [plenty, scarce].map((sku) => ({ sku, ...item })) };
  const ended = [];
  for (let nth = 0; nth < 2; nth += 1) ended.push(await shop.ended((await place(order)).orderId));
  expect(ended.map(({ status, totalInCents }) => ({ status, totalInCents }))).toEqual([
    { status: "completed", totalInCents: 1_000 },
    { status: "cancelled", totalInCents: 1_000 },
  ]);
  await stockBecomes(plenty, 4);
  await stockBecomes(scarce, 0);
});

test.concurrent("an order of 0 cents needs no charge and completes", async () => {
  const { orderId } = await place(orderOf(await shop.stocked(1), 0));
  expect(await shop.ended(orderId)).toMatchObject({ status: "completed", payment: "not-needed", totalInCents: 0 });
  await paymentBecomes(orderId, "not-needed");
  expect(await shop.ledger(orderId)).toEqual([]);
});

test.concurrent("the same Idempotency-Key gets the same answer, and with another body it is refused", async () => {
  const order = orderOf(await shop.stocked(5));
  const headers = { "idempotency-key": uniqueName("k-") };
  const again = { method: "POST", headers, body: order };
  const url = `${fleet.services.order.url}/orders`;
  const answers = await Promise.all([call(url, again), call(url, again), call(url, again)]);
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
  const [first, ...others] = answers.map(({ body }) => body as Placed);
  expect(others).toEqual([first, first]);
  const { orderId = "" } = first ?? {};
  placed.push(orderId);
  expect(await call(url, { ...again, body: { ...order, customerId: "c-2" } })).toMatchObject({ status: 422 });
  expect(await shop.ended(orderId)).toMatchObject({ status: "completed" });
  expect((await call(url, again)).body).toEqual(first);
  expect(await shop.ledger(orderId)).toHaveLength(1);
});

test.concurrent("the same purchase twice under two keys is two orders", async () => {
  const order = orderOf(await shop.stocked(2));
  const orders = [await shop.placePersistently(order), await shop.placePersistently(order)];
  placed.push(...orders.map(({ orderId }) => orderId));
  for (const { orderId } of orders) expect(await shop.ended(orderId)).toMatchObject({ status: "completed" });
  expect(orders[0]?.orderId).not.toBe(orders[1]?.orderId);
});

test.concurrent("a completed order cannot be cancelled, nor one that does not exist", async () => {
  const { orderId } = await place(orderOf(await shop.stocked(1)));
  await shop.ended(orderId);
  expect(await cancel(orderId)).toMatchObject({ status: 409, body: { title: "The order has been completed already" } });
  expect(await shop.order(orderId)).toMatchObject({ status: "completed" });
  expect(await cancel(randomUUID())).toMatchObject({ status: 404 });
});

test.concurrent("the history shows an order's stream in order", async () => {
  const { orderId } = await place(orderOf(await shop.stocked(1)));
  await shop.ended(orderId);
  const { events } = await get<{ events: Event[] }>(`${fleet.services.order.url}/orders/${orderId}/history`);
  expect(events.map(({ version }) => version)).toEqual([1, 2, 3, 4]);
  const types = events.map(({ type }) => type);
  expect([types[0], types.slice(1, 3).toSorted(), types[3]]).toEqual([
    ...["placed", ["payment-completed", "stock-reserved"], "completed"],
  ]);
  expect(events[0]?.data).toMatchObject({ customerId: "c-1", totalInCents: 1_496 });
  const times = events.map(({ at }) => at);
  expect(times).toEqual(times.toSorted());
});

test.concurrent("orders are read page by page, the newest first, by customer and status", async () => {
  const customerId = uniqueName("c-");
  const sku = await shop.stocked(4);
  const orderIds: string[] = [];
  for (const amountInCents of [100, 200, 300, 400, 513]) {
    orderIds.unshift((await place({ ...orderOf(sku, amountInCents), customerId })).orderId);
  }
  for (const orderId of orderIds) await shop.ended(orderId);
  const page = async (query: Readonly<Record<string, string>>) => {
    const { orders, after } = await get<Page>(`${fleet.services.order.url}/orders?${new URLSearchParams(query)}`);
    return { ids: orders.map(({ orderId }) => orderId), after };
  };
  const first = await page({ customerId, limit: "2" });
  const second = await page({ customerId, limit: "2", after: first.after ?? "" });
  const last = await page({ customerId, limit: "2", after: second.after ?? "" });
  expect([first.ids, second.ids, last.ids]).toEqual([orderIds.slice(0, 2), orderIds.slice(2, 4), orderIds.slice(4)]);
  expect(last.after).toBeUndefined();
  expect((await page({ customerId, status: "cancelled" })).ids).toEqual(orderIds.slice(0, 1));
  expect((await page({ customerId, status: "completed" })).ids).toEqual(orderIds.slice(1));
  expect((await page({ customerId, status: "placed" })).ids).toEqual([]);
  expect((await page({ customerId: uniqueName("c-") })).ids).toEqual([]);
});

test.concurrent("the caller's correlation id is on the answer and on every message on every broker, and each names its cause", async () => {
  const correlationId = uniqueName("request-");
  const placing = {
    method: "POST",
    headers: { "x-correlation-id": correlationId },
    body: orderOf(await shop.stocked(1)),
  };
  const answer = await call(`${fleet.services.order.url}/orders`, placing);
  const { orderId } = answer.body as Placed;
  placed.push(orderId);
  expect(answer).toMatchObject({ status: 201, body: { correlationId } });
  expect(answer.headers.get("x-correlation-id")).toBe(correlationId);
  const types = ["order.completed", "order.created", "payment.completed", "payment.requested", "stock.reserved"];
  const own = () => taps.sightings.filter(({ envelope }) => envelope.key === orderId);
  const messages = () => [...new Map(own().map(({ envelope }) => [envelope.id, envelope])).values()];
  const typesSeen = () =>
    messages()
      .map(({ type }) => type)
      .toSorted();
  await becomes(typesSeen, types);

  expect(new Set(own().map(({ envelope }) => envelope.correlationId))).toEqual(new Set([correlationId]));
  const brokers = ["sns-sqs", testBrokers.kafka && "kafka", testBrokers.rabbitmq && "rabbitmq"];
  expect(new Set(own().map(({ broker }) => broker))).toEqual(new Set(brokers.filter(Boolean)));
  const typeOf = (id: string | undefined) => messages().find((message) => message.id === id)?.type;
  const causes = Object.fromEntries(messages().map(({ type, causationId }) => [type, typeOf(causationId)]));
  expect(causes).toMatchObject({
    "payment.requested": "order.created",
    "payment.completed": "payment.requested",
    "stock.reserved": "order.created",
    "order.completed": expect.stringMatching(/^(payment\.completed|stock\.reserved)$/),
  });
  expect(messages().find(({ type }) => type === "order.created")).not.toHaveProperty("causationId");
});

test.skipIf(!testBrokers.rabbitmq)("an express order is charged before those that waited for longer", async () => {
  const sku = await shop.stocked(10);
  const first = await placeAndStop(orderOf(sku));
  const waiting = [await place(orderOf(sku)), await place(orderOf(sku))];
  const express = await place({ ...orderOf(sku), express: true });
  // In hand is the first; behind it, in the queue, are the others.
  await becomes(workWaiting, 4);
  fleet.services.provider.kill("SIGCONT");
  const orders = [first, express, ...waiting];
  for (const { orderId } of orders) expect(await shop.ended(orderId)).toMatchObject({ status: "completed" });
  expect(await shop.order(express.orderId)).toMatchObject({ express: true });
  const own = new Set(orders.map(({ orderId }) => orderId));
  const charged = (await shop.ledger()).map(({ orderId }) => orderId).filter((orderId) => own.has(orderId));
  expect(charged).toEqual(orders.map(({ orderId }) => orderId));
});

test("an order that is cancelled while its charge is in flight gives money and stock back", async () => {
  const sku = await shop.stocked(5);
  const { orderId } = await placeAndStop(orderOf(sku));
  await becomes(async () => (await shop.order(orderId)).stock, "reserved");
  expect(await cancel(orderId)).toMatchObject({ status: 202, body: { orderId, status: "cancelled" } });
  expect(await cancel(orderId)).toMatchObject({ status: 202 });
  expect(await shop.order(orderId)).toMatchObject({ status: "cancelled", reason: "cancelled by the customer" });

  fleet.services.provider.kill("SIGCONT");
  await paymentBecomes(orderId, "refunded");
  expect(await shop.ledger(orderId)).toMatchObject([
    { kind: "charge", amountInCents: 1_496 },
    { kind: "refund", amountInCents: 1_496 },
  ]);
  await stockBecomes(sku, 5);
  expect(await shop.order(orderId)).toMatchObject({ status: "cancelled", reason: "cancelled by the customer" });
});

test("an order that takes too long is cancelled, and what is paid too late is paid back", async () => {
  const sku = await shop.stocked(5);
  const { orderId } = await placeAndStop(orderOf(sku));
  await using _hasty = await startFurther(fleet, "order", { count: 1, env: { ORDER_TIMEOUT_MS: "1000" } });
  expect(await shop.ended(orderId)).toMatchObject({ status: "cancelled", reason: "timed out" });
  fleet.services.provider.kill("SIGCONT");
  await paymentBecomes(orderId, "refunded");
  const kinds = (await shop.ledger(orderId)).map(({ kind }) => kind);
  expect(kinds).toEqual(["charge", "refund"]);
  await stockBecomes(sku, 5);
}, 60_000);

test("in the end everybody's books agree, although nobody has taken any telemetry", async () => {
  expect(await audit(fleet, placed)).toEqual(clean);
  expect(calls).toBeGreaterThan(0);
  expect(Object.values(fleet.services).flatMap(({ exits }) => exits)).toEqual([]);
  const { orders } = await report();
  expect(orders.completed + orders.cancelled).toBe(placed.length);
}, 90_000);

async function place(order: OrderBody): Promise<Placed> {
  const answer = await shop.place(order);
  placed.push(answer.orderId);
  return answer;
}

/** Places an order and lets the provider stand still, so that the charge is in flight for as long as the test needs. */
async function placeAndStop(order: OrderBody): Promise<Placed> {
  fleet.services.provider.kill("SIGSTOP");
  const answer = await place(order);
  await paymentBecomes(answer.orderId, "charging");
  return answer;
}

function cancel(orderId: string) {
  return call(`${fleet.services.order.url}/orders/${orderId}/cancellation`, { method: "POST", body: {} });
}

function report(): Promise<Report> {
  return get<Report>(`${fleet.services.analytics.url}/reports/orders`);
}

function paymentBecomes(orderId: string, status: string): Promise<void> {
  return becomes(async () => (await shop.payment(orderId)).status, status);
}

/** Nothing of it is held for anybody any more. */
function stockBecomes(sku: string, onHand: number): Promise<void> {
  return becomes(() => shop.stock(sku), { sku, onHand, reserved: 0, available: onHand });
}

async function becomes(read: () => unknown, expected: unknown): Promise<void> {
  await vi.waitFor(async () => expect(await read()).toEqual(expected), patience);
}

/** The order has ended without effect: what was charged, if anything, is paid back. */
async function settled(orderId: string): Promise<void> {
  const isSettled = async () => /^(voided|refunded)$/.test((await shop.payment(orderId)).status);
  await vi.waitUntil(isSettled, patience);
  const kinds = (await shop.ledger(orderId)).map(({ kind }) => kind);
  expect([[], ["charge", "refund"]]).toContainEqual(kinds);
}

/** Charges and refunds that the worker has not finished, as billing tells. */
async function workWaiting(): Promise<number | undefined> {
  type Status = { consumers: { group: string; roads: { waiting: number }[] }[] };
  const { consumers } = await get<Status>(`${fleet.services.billing.url}/status`);
  return consumers.find(({ group }) => group === "billing.work")?.roads[0]?.waiting;
}
