import { serveHttp } from "@throughline/service";
import express from "express";
import { expect, test } from "vitest";
import { readHappenings } from "./happenings.ts";

const quiet = { service: "test", httpHost: "127.0.0.1", port: 0, logLevel: "silent", shutdownGraceMs: 1_000 };
const at = (second: number) => `2026-11-23T10:00:0${second}.000Z`;

test("what services tell of an order stands in one line of time, and who does not answer is named", async () => {
  const routes = express.Router();
  routes.get("/orders/o-1/history", (_request, response) => {
    const cancelled = { version: 2, type: "cancelled", data: { reason: "a gift" }, at: at(3), by: "opa" };
    response.json({ events: [{ version: 1, type: "placed", data: {}, at: at(0) }, cancelled] });
  });
  routes.get("/payments/o-1/history", (_request, response) => {
    response.json({ events: [{ version: 1, type: "requested", data: {}, at: at(1) }] });
  });
  await using service = await serveHttp(quiet, { routes });
  const [order, billing] = [
    { name: "order", url: service.url },
    { name: "billing", url: service.url },
  ];
  const gone = { name: "inventory", url: "http://127.0.0.1:1" };

  const { happenings, silent } = await readHappenings([gone, billing, order], "o-1", undefined);
  expect(happenings.map((each) => [each.service, each.type, each.by])).toEqual([
    ["order", "placed", undefined],
    ["billing", "requested", undefined],
    ["order", "cancelled", "opa"],
  ]);
  expect(silent).toEqual([{ service: "inventory", reason: expect.stringContaining("no answer") }]);
  expect(await readHappenings([billing, order], "o-2", undefined)).toEqual({ happenings: [], silent: [] });
});

test.each([
  ["reserved", ["reserved"]],
  ["released", ["reserved", "released"]],
  ["shipped", ["reserved", "shipped"]],
  ["rejected", ["rejected"]],
  ["void", ["void"]],
])("a reservation that is %s was, in turn, %j", async (status, types) => {
  const routes = express.Router();
  const reservation = { orderId: "o-1", status, items: [], createdAt: at(0), updatedAt: at(1) };
  routes.get("/reservations/o-1", (_request, response) => void response.json(reservation));
  await using service = await serveHttp(quiet, { routes });
  const { happenings } = await readHappenings([{ name: "inventory", url: service.url }], "o-1", undefined);
  expect(happenings.map(({ type }) => type)).toEqual(types);
});
