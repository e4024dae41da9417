import { expect, test } from "vitest";
import { consumer, openShop, order, relay } from "./shop-under-test.ts";
import { createTraces } from "./traces.ts";

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
  const sent = { "messaging.message.id": "m-1", "messaging.operation.name": "publish" };
  const waited = (where: string) => ({ "messaging.message.id": "m-1", "throughline.waited": where });
  const handled = { "messaging.message.id": "m-1", "messaging.operation.name": "process" };
  await shop.trace("order", [
    { spanId: "a1", name: "POST /orders", from: 0, to: 10, attributes: {} },
    { ...create, attributes: written },
    { spanId: "b2", parentSpanId: "b1", name: "wait outbox", from: 6, to: 20, attributes: waited("outbox") },
    { spanId: "c1", parentSpanId: "b1", name: "publish order.created", from: 20, to: 30, attributes: sent },
  ]);
  await shop.trace("billing", [
    { spanId: "c2", parentSpanId: "b1", name: "wait broker", from: 30, to: 37, attributes: waited("broker") },
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
  // It waited for the relay and with the broker, and its failure is shown as text.
  expect(page).toContain("14 ms");
  expect(page).toContain("7.0 ms");
  expect(page).toContain("&#60;no card&#62;");
});

test("the page of an order names what failed for good about it, and leads there", async () => {
  const letter = { number: 7, service: "billing", state: "open" as const, type: "order.created", key: "o-1" };
  const line = { ...letter, error: "RejectedError: no", deaths: 1, replays: 0, failedAt: new Date() };
  const silent = [{ service: "inventory", reason: "it is being moved" }];
  const lettersAbout = async (key: string) => ({ lines: key === "o-1" ? [line] : [], silent });
  await using shop = await openShop({ lettersAbout });
  const page = await (await fetch(`${shop.url}/orders/o-1`)).text();
  expect(page).toContain('<a href="/dead-letters/billing-7">billing-7</a>');
  expect(page).toContain("it is being moved");
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
