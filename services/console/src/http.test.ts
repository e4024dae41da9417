import { expect, test, vi } from "vitest";
import { noRecords } from "./records-about.ts";
import { consumer, openShop, order, records, relay, traceId } from "./shop-under-test.ts";
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
  const shown = await page.text();
  for (const part of ["Newest orders", "<code>o-1</code>", "2 wait, 10 ms"]) expect(shown).toContain(part);
});

test("a service that is not ready or does not answer is shown with the reason", async () => {
  await using shop = await openShop({ isReady: false });
  const { services } = await shop.snapshot();
  expect(services[0]).toMatchObject({ isReady: false, reason: "database: it is being moved" });
  expect(services[1]).toMatchObject({ name: "gone", isReady: false });
  expect(services[1]?.reason).toContain("no answer");
});

test("a password in what a service tells is shown neither to people nor to programs", async () => {
  await using shop = await openShop({ kafkaFault: "cannot reach amqp://user:hunter2@host" });
  for (const path of ["/", "/snapshot"]) {
    const shown = await (await fetch(shop.url + path)).text();
    expect(shown).toContain("amqp://user:[redacted]@host");
    expect(shown).not.toContain("hunter2");
  }
});

test("the page of an order tells what happened to it and the way it took, over all services", async () => {
  await using shop = await openShop();
  await shop.traceOrder();
  const page = await (await fetch(`${shop.url}/orders/o-1`)).text();
  expect(page).toContain("<strong>completed</strong>");
  expect(page).toContain("order-placed");
  const steps = [...page.matchAll(/<td class="step">([^<]*)/g)].map(([, step]) => step);
  expect(steps).toEqual([
    "POST /orders",
    "  create order.created",
    "    publish order.created",
    "    process dev-billing ",
    "    process dev-billing ",
    "      set aside order.created ",
    "    replay order.created",
    "    process dev-billing",
  ]);
  // It waited for the relay, with the broker and to be tried again, and its failure is shown as text.
  for (const waited of ["14 ms", "7.0 ms", "938 ms"]) expect(page).toContain(waited);
  expect(page).toContain("&#60;no card&#62;");
});

test("what was handled in a trace of its own stands below the message that it is linked to", async () => {
  await using shop = await openShop();
  await shop.traceOrder();
  const attributes = { "messaging.operation.name": "process", "throughline.key": "o-1" };
  const links = [{ traceId, spanId: "b1" }];
  await shop.trace("analytics", [
    { traceId: "t2", spanId: "d2", name: "process dev-analytics", from: 40, to: 45, links, attributes },
    { traceId: "t2", spanId: "e2", parentSpanId: "d2", name: "POST", from: 41, to: 42, attributes: {} },
  ]);
  const page = await (await fetch(`${shop.url}/orders/o-1`)).text();
  const steps = [...page.matchAll(/<td class="step">([^<]*)/g)].map(([, step]) => step);
  const first = steps.indexOf("    process dev-billing ");
  expect(steps.slice(first, first + 3)).toEqual([
    "    process dev-billing ",
    "    process dev-analytics",
    "      POST",
  ]);
});

test("the page of an order says in one line of time what was told of it, by which road, and what died", async () => {
  await using shop = await openShop({ recordsAbout: async (key) => (key === "o-1" ? records : noRecords) });
  const page = await (await fetch(`${shop.url}/orders/o-1`)).text();
  expect(timeLineOf(page)).toEqual([
    "2026-11-23 10:00:00.000 order order-placed {&#34;totalInCents&#34;:1496}",
    "2026-11-23 10:00:00.000 order tells order.created has left for Kafka · SNS → SQS refused it for good",
    "2026-11-23 10:00:01.000 billing dead letter order.created billing-7 , open: RejectedError: no",
    "2026-11-23 10:00:02.000 order dead letter order.created order-3 , open: Refused: no",
    "2026-11-23 10:00:03.000 order tells order.completed waits for Kafka · waits for SNS → SQS, parked behind what it refused",
  ]);
  expect(page).toContain("2 messages more about it were told later, or are no longer kept.");
  expect(page).toContain('<a href="/dead-letters/billing-7">billing-7</a>');
  expect(page).toContain("it is being moved");
});

test("in its line of time stands what was asked, what failed and waited, and what was sent again, each once", async () => {
  await using shop = await openShop({ recordsAbout: async () => records });
  await shop.traceOrder();
  const page = await (await fetch(`${shop.url}/orders/o-1`)).text();
  expect(timeLineOf(page).map((row) => row.replace(/^\S+ 10:00:0/, ""))).toEqual([
    "0.000 order is asked POST /orders answered 201",
    "0.000 order order-placed {&#34;totalInCents&#34;:1496}",
    "0.000 order tells order.created has left for Kafka · SNS → SQS refused it for good",
    "0.050 billing failed process dev-billing &#60;no card&#62;",
    "0.050 billing waited to be tried again for 938 ms",
    "1.000 billing failed process dev-billing no: never",
    "1.000 billing dead letter order.created billing-7 , open: RejectedError: no",
    "1.400 billing sent again order.created to billing opa",
    "2.000 order dead letter order.created order-3 , open: Refused: no",
    "3.000 order tells order.completed waits for Kafka · waits for SNS → SQS, parked behind what it refused",
  ]);
});

test("a death of which no letter is here stands in the line of time as its span tells it", async () => {
  await using shop = await openShop();
  await shop.traceOrder();
  const page = await (await fetch(`${shop.url}/orders/o-1`)).text();
  const deaths = timeLineOf(page).filter((row) => row.includes("dead letter"));
  expect(deaths).toEqual(["2026-11-23 10:00:01.000 billing dead letter order.created no: never"]);
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
    expect(await page.text()).not.toMatch(/<style|<script(?! src="\/)| style="|(src|href|action)="(https?:|\/\/)/);
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

test("a watcher who goes leaves nothing behind", async () => {
  await using shop = await openShop();
  const going = new AbortController();
  await fetch(`${shop.url}/events`, { signal: going.signal });
  expect(shop.watchers()).toBe(1);
  going.abort();
  await vi.waitUntil(() => shop.watchers() === 0, { timeout: 10_000 });
});

test("a page that is watched is sent anew where it has changed, and not again when it is over", async () => {
  await using shop = await openShop();
  const watching = await fetch(`${shop.url}/orders/o-1`, { headers: { accept: "text/event-stream" } });
  const events = watching.body?.pipeThrough(new TextDecoderStream()).getReader();
  const next = async () => (await events?.read())?.value ?? "";
  expect(await next()).toContain("No trace of it is here");
  expect(await next()).toBe(":\n\n");
  await shop.traceOrder();
  await vi.waitUntil(async () => (await next()).includes("process dev-billing"), { timeout: 10_000 });
  const unknown = await fetch(`${shop.url}/orders/o-2`, { headers: { accept: "text/event-stream" } });
  expect(await unknown.text()).toMatch(/There is no such order.*"isLive":false/);
});

test.each(["/", "/orders/o-1"])(
  "what the page %s asks while it is watched is in traces that nobody keeps",
  async (path) => {
    await using shop = await openShop();
    const watching = await fetch(`${shop.url}${path}`, { headers: { accept: "text/event-stream" } });
    await vi.waitUntil(() => shop.traceparents.length > 2, { timeout: 10_000 });
    await watching.body?.cancel();
    const unsampled = expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(shop.traceparents).toEqual(shop.traceparents.map(() => unsampled));
    expect(new Set(shop.traceparents).size).toBeGreaterThan(1);
  },
);

/** The rows of what happened, as they read. */
function timeLineOf(page: string): string[] {
  const [, line = ""] = /aria-label="What happened".*?<tbody>(.*?)<\/tbody>/s.exec(page) ?? [];
  return [...line.matchAll(/<tr.*?<\/tr>/gs)].map(([row]) => row.replace(/(<[^>]*>|\s)+/g, " ").trim());
}
