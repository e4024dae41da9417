import { openAccess, serveHttp } from "@throughline/service";
import { Router } from "express";
import { expect, test } from "vitest";
import { routes } from "./http.ts";
import { noRecords } from "./records-about.ts";
import { createTraces } from "./traces.ts";
import { watchServices } from "./watch.ts";

const quiet = { service: "test", httpHost: "127.0.0.1", port: 0, logLevel: "silent", shutdownGraceMs: 1_000 };
const gone = "http://127.0.0.1:1";

test("the story of an order is told by the others while the order service is down, which is said", async () => {
  await using shop = await openShop({ orderUrl: gone });
  const { status, page } = await shop.read("/orders/o-1");
  expect(status).toBe(200);
  expect(page).toContain("Of order nothing is known now: ");
  for (const part of ["Order o-1", "<td>requested</td>", "process dev-billing", "billing-7"])
    expect(page).toContain(part);
  expect(page).not.toContain("<dt>status</dt>");
});

test("an order service that tells what happened, and not where the order is, is named with the reason", async () => {
  const orders = Router();
  orders.get("/orders/o-1", (_request, response) => void response.status(500).json({}));
  orders.get("/orders/o-1/history", (_request, response) => void response.json({ events: [happened("placed")] }));
  await using order = await serveHttp(quiet, { routes: orders });
  await using shop = await openShop({ orderUrl: order.url });
  const { status, page } = await shop.read("/orders/o-1");
  expect(status).toBe(200);
  expect(page).toContain("<td>placed</td>");
  expect(page.match(/Of order nothing is known now: it answered 500/g)).toHaveLength(1);
});

/** A console whose billing service knows the order, and has failed at it. */
async function openShop({ orderUrl }: { readonly orderUrl: string }) {
  await using opening = new AsyncDisposableStack();
  const payments = Router();
  payments.get(
    "/payments/o-1/history",
    (_request, response) => void response.json({ events: [happened("requested")] }),
  );
  const billing = opening.use(await serveHttp(quiet, { routes: payments }));
  const addresses = [
    { name: "order", url: orderUrl },
    { name: "billing", url: billing.url },
  ];
  const traces = createTraces({ mostSpans: 10 });
  const attributes = { "throughline.key": "o-1" };
  const span = { traceId: "t1", spanId: "a1", service: "billing", name: "process dev-billing", startMs: 0, endMs: 1 };
  traces.add([{ ...span, attributes }]);
  const letter = { number: 7, service: "billing", state: "open" as const, type: "order.created", key: "o-1" };
  const origin = { messageId: null, refusedBy: null };
  const line = { ...letter, ...origin, error: "RejectedError: no", deaths: 1, replays: 0, failedAt: new Date() };
  const recordsAbout = async () => ({ ...noRecords, letters: [line] });
  const watch = opening.use(watchServices([]));
  const access = openAccess({ access: { kind: "development" } });
  const [acts, stopping] = [{ info: () => undefined }, new AbortController().signal];
  const parts = { addresses, watch, traces, recordsAbout, access, acts, stopping };
  const http = opening.use(await serveHttp(quiet, { routes: routes(parts) }));
  const opened = opening.move();
  return {
    async read(path: string) {
      const answer = await fetch(http.url + path);
      return { status: answer.status, page: await answer.text() };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function happened(type: string) {
  return { version: 1, type, data: {}, at: "2026-11-23T10:00:00.000Z" };
}
