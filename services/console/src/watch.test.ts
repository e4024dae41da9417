import { serveHttp } from "@throughline/service";
import { Router } from "express";
import { expect, test } from "vitest";
import { watchServices } from "./watch.ts";

test("however many look, each service is asked once, and nobody is shown the orders of another's token", async () => {
  await using order = await openOrders();
  using watch = watchServices([{ name: "order", url: order.url }]);
  const all = await Promise.all([watch.latest("ann"), watch.latest("ann"), watch.latest("bob")]);
  expect(all.map(({ orders }) => orders[0]?.customerId)).toEqual(["Bearer ann", "Bearer ann", "Bearer bob"]);
  expect((await watch.latest()).orders[0]?.customerId).toBe("nobody");
  expect(order.asked.toSorted()).toEqual(["/orders", "/orders", "/orders", "/status"]);
  expect((await watch.latest()).flow.places).toMatchObject([{ id: "tells order", mood: "good" }]);
});

/** An order service that shows each token an order of its own. */
async function openOrders() {
  const asked: string[] = [];
  const routes = Router();
  routes.get("/orders", (request, response) => {
    asked.push("/orders");
    const customerId = request.get("authorization") ?? "nobody";
    const state = { status: "completed", payment: "completed", stock: "reserved" };
    const sum = { currency: "USD", totalInCents: 1, express: false, placedAt: "2026-11-23T10:00:00.000Z" };
    response.json({ orders: [{ orderId: "o-1", customerId, ...state, ...sum }] });
  });
  const config = { service: "order", httpHost: "127.0.0.1", port: 0, logLevel: "silent", shutdownGraceMs: 1_000 };
  const status = () => {
    asked.push("/status");
    return {};
  };
  const http = await serveHttp(config, { routes, status });
  return { url: http.url, asked, [Symbol.asyncDispose]: () => http[Symbol.asyncDispose]() };
}
