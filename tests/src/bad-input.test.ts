import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { audit, clean } from "./testing/audit.ts";
import { badMessagesAt } from "./testing/bad-messages.ts";
import { rowsOf } from "./testing/database.ts";
import { type Doors, openDoors } from "./testing/doors.ts";
import { type Fleet, serviceNames, startFleet } from "./testing/fleet.ts";
import { type Call, call } from "./testing/http.ts";
import { countsOf } from "./testing/processes.ts";
import { orderOf, shopOf } from "./testing/shop.ts";

let fleet: Fleet;
let doors: Doors;
beforeAll(async () => {
  fleet = await startFleet();
  doors = await openDoors(fleet);
}, 120_000);
afterAll(async () => {
  await doors[Symbol.asyncDispose]();
  await fleet[Symbol.asyncDispose]();
}, 60_000);

afterEach(() => {
  for (const name of serviceNames) expect(fleet.services[name].exits).toEqual([]);
});

type BadRequest = [what: string, at: string, asked: Call, status: number, paths?: string[]];
const item = { sku: "cd-1", quantity: 1, amountInCents: 1 };
const good = { customerId: "c-1", currency: "USD", items: [item] };
const post = (body: unknown, headers = {}) => ({ method: "POST", body, headers });
const badRequests: BadRequest[] = [
  ["broken JSON", "/orders", post('{"customerId":'), 400],
  ["bytes", "/orders", post(new Uint8Array([0xff, 0, 0xfe])), 400],
  ["no body", "/orders", { method: "POST" }, 400, [""]],
  ["a list", "/orders", post([]), 400, [""]],
  ["null", "/orders", post("null"), 400, [""]],
  ["a text", "/orders", post('"x"'), 400, [""]],
  ["a number", "/orders", post("7"), 400, [""]],
  ["a currency that there is not", "/orders", post({ ...good, currency: "ABC" }), 400, ["currency"]],
  ["nothing that is asked for", "/orders", post({}), 400, ["customerId", "currency", "items"]],
  [
    "wrong types",
    "/orders",
    post({
      customerId: 7,
      currency: "dollars",
      items: [{ sku: "", quantity: 1.5, amountInCents: -1 }],
      express: "yes",
    }),
    400,
    ["customerId", "currency", "items.0.sku", "items.0.quantity", "items.0.amountInCents", "express"],
  ],
  [
    "unknown fields",
    "/orders",
    post({ ...good, coupon: 1, items: [{ ...item, gift: true }] }),
    400,
    ["items.0.gift", "coupon"],
  ],
  ["a SKU that no address has", "/orders", post({ ...good, items: [{ ...item, sku: ".." }] }), 400, ["items.0.sku"]],
  ["more items than allowed", "/orders", post({ ...good, items: Array(101).fill(item) }), 400, ["items"]],
  ["U+0000", "/orders", post({ ...good, customerId: "c\0" }), 400, ["customerId"]],
  ["half a character", "/orders", post({ ...good, customerId: "\ud800" }), 400, ["customerId"]],
  ["a deep nest", "/orders", post(`{"customerId":${"[".repeat(50_000) + "]".repeat(50_000)}}`), 400],
  ["a mebibyte", "/orders", post({ ...good, customerId: "c".repeat(1_024 * 1_024) }), 413],
  ["another media type", "/orders", post("customerId=c-1", { "content-type": "text/plain" }), 415],
  ["another character set", "/orders", post("{}", { "content-type": "application/json; charset=x" }), 415],
  ["an empty key", "/orders", post(good, { "idempotency-key": "" }), 400, ["idempotency-key"]],
  ["a long key", "/orders", post(good, { "idempotency-key": "k".repeat(256) }), 400, ["idempotency-key"]],
  ["a key beyond ASCII", "/orders", post(good, { "idempotency-key": "ü" }), 400, ["idempotency-key"]],
  ["a wrong query", "/orders?limit=0&status=lost&page=2", {}, 400, ["status", "limit", "page"]],
  ["U+0000 in the address", "/orders/%00", {}, 400],
  ["half an escape", "/orders/%C3", {}, 400],
  ["an unknown order", "/orders/o-1", {}, 404],
  ["an unknown order to cancel", "/orders/o-1/cancellation", post({}), 404],
  ["an unknown path", "/pizzas", {}, 404],
  ["an unknown method", "/orders", { method: "DELETE" }, 405],
];

test.each(badRequests)(
  "a request with %s is answered with a problem that says so",
  async (_what, at, asked, status, paths) => {
    const answer = await call(`${fleet.services.order.url}${at}`, asked);
    expect(answer).toMatchObject({ status, body: { status, correlationId: answer.headers.get("x-correlation-id") } });
    expect(answer.headers.get("content-type")).toMatch("application/problem+json");
    const { errors } = answer.body as { errors?: readonly { readonly path: string }[] };
    if (paths) expect(errors?.map(({ path }) => path)).toEqual(expect.arrayContaining([...paths]));
    if (paths) expect(errors).toHaveLength(paths.length);
  },
);

test("the other services answer the same way", async () => {
  const { inventory, analytics, billing } = fleet.services;
  const answers = await Promise.all([
    call(`${inventory.url}/stock/${"x".repeat(101)}`, { method: "PUT", body: { onHand: 1 } }),
    call(`${inventory.url}/stock/cd-1`, { method: "PUT", body: { onHand: "7", sku: "cd-1" } }),
    call(`${analytics.url}/reports/orders?from=yesterday&to=never`),
    call(`${analytics.url}/reports/orders?from=0000-01-01&to=9999-12-31T23:59:59-14:00`),
    call(`${analytics.url}/reports/orders?from=0001-01-01T00:00:00%2B14:00`),
    call(`${billing.url}/payments/o-1`),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 404]);
  const paths = answers.map(({ body }) => (body as { errors?: { path: string }[] }).errors?.map(({ path }) => path));
  expect(paths).toEqual([["sku"], ["onHand", "sku"], ["from", "to"], ["from", "to"], ["from"], undefined]);
});

test("whatever is wrong with a message, it is set aside as it came, with its reason, and nobody waits for it", async () => {
  const shop = shopOf(fleet);
  const sku = await shop.stocked(10);
  const sent = doors.doors.flatMap((door) => badMessagesAt(door).map((bad) => ({ door, ...bad })));

  await Promise.all(sent.map(({ door, body }) => door.send(body)));
  const { orderId } = await shop.place(orderOf(sku));
  expect(await shop.ended(orderId, 20_000)).toMatchObject({ status: "completed" });

  const expected = sent.flatMap(({ door, what, body, reason }) =>
    door.consumers.map((consumer) => ({ name: `${what} at ${door.name} for ${consumer}`, consumer, body, reason })),
  );
  const findings = () =>
    expected.flatMap(({ name, consumer, body, reason }) => {
      const letters = doors.deadLetters.filter((letter) => letter.consumer === consumer && letter.body.equals(body));
      const isRight = letters.length === 1 && letters.every((letter) => reason.test(letter.reason));
      return isRight ? [] : [`${name}: ${letters.length} dead letters, ${letters[0]?.reason}`];
    });
  // What is still wrong then is shown.
  await vi.waitUntil(() => findings().length === 0, { timeout: 60_000, interval: 200 }).catch(() => false);
  expect(findings().join("\n")).toBe("");
}, 120_000);

test("every message of orders that have ended, sent again by a stranger without any header, changes nothing", async () => {
  const shop = shopOf(fleet);
  const { orderId } = await shop.place(orderOf(await shop.stocked(10)));
  await shop.ended(orderId);
  const placed = (await rowsOf<{ id: string }>(fleet.databases.order, "select order_id as id from orders")).map(
    ({ id }) => id,
  );
  expect(await audit(fleet, placed)).toEqual(clean);

  const { provider: _, ...consuming } = fleet.services;
  const count = () => countsOf(...Object.values(consuming));
  const before = await count();
  const messages = await messagesOf(fleet);
  const sent = doors.doors.flatMap((door) =>
    messages.filter(({ type }) => type === door.type).map(({ wire }) => ({ door, wire })),
  );
  await Promise.all(sent.map(({ door, wire }) => door.send(Buffer.from(wire))));
  const duplicates = before.duplicates + sent.reduce((sum, { door }) => sum + door.consumers.length, 0);
  await vi.waitUntil(async () => (await count()).duplicates >= duplicates, { timeout: 30_000, interval: 100 });
  expect(await count()).toEqual({ ...before, duplicates });
  expect(await audit(fleet, placed)).toEqual(clean);
}, 60_000);

async function messagesOf({ databases: { order, billing, inventory } }: Fleet) {
  const read = (url: string) => rowsOf<{ type: string; wire: string }>(url, "select type, wire from outbox");
  return (await Promise.all([order, billing, inventory].map(read))).flat();
}
