import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrations as eventStore } from "@throughline/event-store";
import { openTestDatabase } from "@throughline/local/testing";
import { migrations as log, UnknownOutcomeError } from "@throughline/log";
import { migrations as outbox } from "@throughline/outbox";
import { openAccess, serveHttp } from "@throughline/service";
import { issueDevelopmentToken } from "@throughline/service/development-key";
import { expect, test } from "vitest";
import { mapError, routes } from "./http.ts";
import { idempotencyKeys, type PlacedOrder } from "./schema.ts";
import { order } from "./testing/load.ts";

const own = { name: "order", folder: `${import.meta.dirname}/../migrations` };
const quiet = { service: "order", httpHost: "127.0.0.1", port: 0, logLevel: "silent", shutdownGraceMs: 1_000 };

test("a customer sees their own orders, and nothing of anybody else's", async () => {
  await using shop = await openShop();
  const [ann, ben] = [await shop.token("c-1"), await shop.token("c-2")];
  const mine = await shop.place("c-1", ann);
  const other = await shop.place("c-2", ben);

  const list = async (query: string, token: string) => (await shop.ask(`/orders${query}`, { token })).body;
  expect(await list("", ann)).toMatchObject({ orders: [{ orderId: mine }] });
  expect(await list("?customerId=c-2", ann)).toEqual({ orders: [] });
  expect((await shop.ask(`/orders/${mine}`, { token: ann })).status).toBe(200);
  expect((await shop.ask(`/orders/${mine}/history`, { token: ann })).status).toBe(200);
  const cancellation = { method: "POST", body: {} };
  for (const [path, init] of [
    ["", {}],
    ["/history", {}],
    ["/cancellation", cancellation],
  ] as const) {
    const answer = await shop.ask(`/orders/${other}${path}`, { ...init, token: ann });
    const unknown = await shop.ask(`/orders/o-unknown${path}`, { ...init, token: ann });
    expect([answer.status, answer.body]).toMatchObject([404, { title: "There is no such order" }]);
    expect(unknown.body).toMatchObject({ status: 404, title: "There is no such order" });
  }
  expect(await list("", ben)).toMatchObject({ orders: [{ orderId: other, status: "placed" }] });
  expect((await shop.ask(`/orders/${mine}/cancellation`, { ...cancellation, token: ann })).status).toBe(202);
});

test("any currency of ISO 4217 is taken, and no other", async () => {
  await using shop = await openShop();
  const token = await shop.token("c-1");
  const place = (currency: string) => shop.ask("/orders", { method: "POST", body: { ...order, currency }, token });
  for (const currency of ["USD", "VED", "CLF", "XAU"]) expect((await place(currency)).status).toBe(201);
  const [fault] = ((await place("ABC")).body as { errors: { path: string; message: string }[] }).errors;
  expect(fault).toEqual({ path: "currency", message: "expected an ISO 4217 code such as USD" });
});

test("a customer orders for nobody else", async () => {
  await using shop = await openShop();
  const answer = await shop.ask("/orders", { method: "POST", body: order, token: await shop.token("c-2") });
  expect([answer.status, answer.body]).toMatchObject([403, { detail: "c-2 orders for nobody else" }]);
  expect((await shop.ask("/orders")).body).toEqual({ orders: [] });
});

test("an Idempotency-Key is the caller's own", async () => {
  await using shop = await openShop();
  const [ann, ben] = [await shop.token("c-1"), await shop.token("c-2")];
  const place = (customerId: string, token: string) =>
    shop.ask("/orders", { method: "POST", body: { ...order, customerId }, token, key: "order-1" });
  const [first, again, other] = [await place("c-1", ann), await place("c-1", ann), await place("c-2", ben)];
  expect([first.status, again.status, other.status]).toEqual([201, 201, 201]);
  expect(again.body).toEqual(first.body);
});

test("requests under one key that come at the same time, beside others, have one answer, whose order is there", async () => {
  await using shop = await openShop();
  const keys = Array.from({ length: 10 }, (_, number) => `order-${number}`);
  const all = Array.from({ length: 8 }, () => keys).flat();
  const answers = await Promise.all(all.map((key) => shop.ask("/orders", { method: "POST", body: order, key })));
  for (const key of keys) {
    const [first, ...others] = answers.filter((_, index) => all[index] === key).map(({ body }) => body);
    for (const other of others) expect(other).toEqual(first);
    expect((await shop.ask(`/orders/${(first as PlacedOrder).orderId}`)).status).toBe(200);
  }
});

test("a repeat whose first request hangs is told to come again, and others are taken meanwhile", async () => {
  await using shop = await openShop();
  const [held, letGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const first = shop.database.transaction(async (tx) => {
    await tx.insert(idempotencyKeys).values({ key: "order-1", fingerprint: "", answer: {} as PlacedOrder });
    held.resolve();
    await letGo.promise;
  });
  await held.promise;
  const [repeat, other] = await Promise.all([
    shop.ask("/orders", { method: "POST", body: order, key: "order-1" }),
    shop.ask("/orders", { method: "POST", body: order }),
  ]);
  letGo.resolve();
  await first;
  expect([repeat.status, repeat.retryAfter, other.status]).toEqual([503, "1", 201]);
}, 20_000);

test("the same order under the same key is the same, however it is written", async () => {
  await using shop = await openShop();
  const place = (body: object) => shop.ask("/orders", { method: "POST", body, key: "order-1" });
  const { express, ...short } = order;
  const first = await place(short);
  const others = [await place({ express, ...short }), await place(Object.fromEntries(Object.entries(short).reverse()))];
  for (const other of others) expect(other).toEqual(first);
  expect((await place({ ...short, express: true })).status).toBe(422);
});

test("a viewer sees all orders and changes none, and an operator does both, which is kept", async () => {
  await using shop = await openShop();
  const [viewer, operator] = [await shop.token("vic", "viewer"), await shop.token("opa", "operator")];
  const orderId = await shop.place("c-1", operator);
  const cancellation = { method: "POST", body: {} };
  expect((await shop.ask("/orders", { token: viewer })).body).toMatchObject({ orders: [{ orderId }] });
  expect((await shop.ask("/orders", { method: "POST", body: order, token: viewer })).status).toBe(403);
  expect((await shop.ask(`/orders/${orderId}/cancellation`, { ...cancellation, token: viewer })).status).toBe(403);
  expect((await shop.ask(`/orders/${orderId}/cancellation`, { ...cancellation, token: operator })).status).toBe(202);
  const { body } = await shop.ask(`/orders/${orderId}/history`, { token: viewer });
  expect(body).toMatchObject({
    events: [
      { type: "placed", by: "opa" },
      { type: "cancelled", by: "opa" },
    ],
  });
});

test("without a token all is as without tokens in development, and a token that is no good is refused", async () => {
  await using shop = await openShop();
  const orderId = await shop.place("c-1");
  expect((await shop.ask(`/orders/${orderId}`)).status).toBe(200);
  for (const [path, method] of [
    ["/orders", "GET"],
    ["/orders", "POST"],
    [`/orders/${orderId}`, "GET"],
  ] as const) {
    const answer = await shop.ask(path, { method, token: "a.b.c", ...(method === "POST" && { body: order }) });
    expect([answer.status, answer.body]).toMatchObject([401, { detail: expect.stringContaining("no signed token") }]);
  }
});

test("an order of which nobody knows whether it was placed is no reason to send it again", () => {
  expect(mapError(new UnknownOutcomeError(new Error("Connection terminated unexpectedly")))).toMatchObject({
    status: 504,
    extra: { detail: expect.stringContaining("Look for the order before you send it again") },
  });
});

type Call = { readonly method?: string; readonly body?: object; readonly token?: string; readonly key?: string };

async function openShop() {
  await using opening = new AsyncDisposableStack();
  const { database } = opening.use(await openTestDatabase(log, eventStore, outbox, own));
  const folder = await mkdtemp(join(tmpdir(), "throughline-"));
  opening.defer(() => rm(folder, { recursive: true }));
  const keyFile = join(folder, "key.json");
  const access = openAccess({ access: { kind: "development", keyFile } });
  const http = opening.use(await serveHttp(quiet, { routes: routes(database, access), mapError }));
  const opened = opening.move();

  async function ask(path: string, { method = "GET", body, token, key }: Call = {}) {
    const headers = {
      "content-type": "application/json",
      ...(token && { authorization: `Bearer ${token}` }),
      ...(key && { "idempotency-key": key }),
    };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(http.url + path, { method, headers, ...sent });
    const retryAfter = response.headers.get("retry-after");
    return { status: response.status, retryAfter, body: (await response.json()) as unknown };
  }
  return {
    ask,
    database,
    token: (subject: string, ...roles: string[]) => issueDevelopmentToken(keyFile, { subject, roles }),
    async place(customerId: string, token?: string): Promise<string> {
      const { body } = await ask("/orders", {
        method: "POST",
        body: { ...order, customerId },
        ...(token && { token }),
      });
      return (body as { orderId: string }).orderId;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
