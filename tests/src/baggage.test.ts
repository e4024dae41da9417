import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test, vi } from "vitest";
import { startFleet } from "./testing/fleet.ts";
import { orderOf, shopOf } from "./testing/shop.ts";
import { openTaps } from "./testing/taps.ts";

const patience = { timeout: 60_000, interval: 100 };
const types = ["order.created", "payment.requested", "payment.completed", "stock.reserved", "order.completed"];

test("every message that comes of a request carries its tenant, and nothing else that the caller said", async () => {
  await using provider = await startProvider();
  await using fleet = await startFleet({
    env: { BAGGAGE_KEYS: "tenant" },
    each: { billing: { PAYMENT_PROVIDER_URL: provider.url } },
  });
  await using taps = await openTaps(fleet.namespace);
  const shop = shopOf(fleet);
  const sku = await shop.stocked(10);
  const { orderId, correlationId } = await shop.place(orderOf(sku), { baggage: "tenant=acme,secret=hunter2" });
  const seen = () => taps.sightings.filter(({ envelope }) => envelope.key === orderId);
  const seenTypes = () => new Set(seen().map(({ envelope }) => envelope.type));
  await vi.waitUntil(() => types.every((type) => seenTypes().has(type)), patience);

  expect(seenTypes()).toEqual(new Set(types));
  for (const { envelope } of seen()) expect(envelope).toMatchObject({ correlationId, baggage: { tenant: "acme" } });
  expect(JSON.stringify(taps.sightings)).not.toContain("hunter2");

  expect(provider.asked).toMatchObject([{ "x-correlation-id": correlationId }]);
  expect(provider.asked[0]).not.toHaveProperty("baggage");

  const { output } = fleet.services.order;
  const answered = () => output.find((line) => line.includes(correlationId) && line.includes("POST /orders"));
  await vi.waitUntil(answered, patience);
  expect(JSON.parse(answered() ?? "")).toMatchObject({ baggage: { tenant: "acme" } });
}, 180_000);

/** Charges whatever it is asked to, and keeps with which headers it was asked. */
async function startProvider() {
  const asked: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers);
    request.resume();
    response.writeHead(201, { "content-type": "application/json" }).end('{"reference":"charge-1"}');
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    asked,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
