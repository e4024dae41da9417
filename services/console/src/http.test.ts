import { serveHttp } from "@throughline/service";
import express from "express";
import { expect, test } from "vitest";
import { routes } from "./http.ts";
import type { Snapshot } from "./snapshot.ts";

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
  const orders = express.Router().get("/orders", (_request, response) => void response.json({ orders: [order] }));
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
  const console = opened.use(await serveHttp(quiet, { routes: routes(addresses, stopping.signal) }));
  opened.defer(() => stopping.abort());
  const stack = opened.move();
  return {
    url: console.url,
    snapshot: async () => (await (await fetch(`${console.url}/snapshot`)).json()) as Snapshot,
    stop: () => stopping.abort(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
