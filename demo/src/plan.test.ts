import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Ending, type Plan, planOrders } from "./plan.ts";
import { parsePurchases } from "./purchases.ts";

const purchases = parsePurchases(readFileSync(new URL("../data/cdnow-sample.txt", import.meta.url), "utf8"));
const mixed = planOrders(purchases, { runId: "r1", isPlain: false });
const plain = planOrders(purchases, { runId: "r1", isPlain: true });

test("plain orders are the purchases, to the CD and the cent", () => {
  expect(plain.orders).toHaveLength(6_919);
  expect(total(plain, ({ cds }) => cds)).toBe(16_479);
  expect(total(plain, ({ totalInCents }) => totalInCents)).toBe(24_409_194);
  expect(count(plain, "completed")).toBe(6_919);
  expect(plain.orders.some(({ repeat }) => repeat)).toBe(false);
  expect(plain.changed).toEqual({ orders: 0, byCents: 0 });
});

test("the lines of an order add up to its purchase", () => {
  for (const { body, cds, totalInCents } of [...mixed.orders, ...plain.orders]) {
    expect(body.items.reduce((sum, { quantity }) => sum + quantity, 0)).toBe(cds);
    expect(body.items.reduce((sum, { amountInCents }) => sum + amountInCents, 0)).toBe(totalInCents);
    expect(body.items.every(({ quantity }) => quantity > 0)).toBe(true);
  }
});

test("the roles of the first 500 orders are known numbers", () => {
  const plan = planOrders(purchases.slice(0, 500), { runId: "r1", isPlain: false });
  expect(count(plan, "sold out")).toBe(25);
  expect(count(plan, "cancelled on request")).toBe(25);
  expect(count(plan, "declined")).toBe(29);
  expect(plan.changed.orders).toBe(25);
  expect(plan.orders.filter(({ body }) => body.express)).toHaveLength(50);
  expect(plan.orders.filter(({ repeat }) => repeat === "at the same time")).toHaveLength(10);
  expect(plan.orders.filter(({ repeat }) => repeat === "afterwards")).toHaveLength(10);
});

test("what ends in 13 cents is declined, whoever made it so, and nothing else is", () => {
  expect(purchases.filter(({ amountInCents }) => amountInCents % 100 === 13)).toHaveLength(59);
  for (const { ending, totalInCents } of mixed.orders) {
    expect(totalInCents % 100 === 13).toBe(ending === "declined");
  }
});

test("there is exactly as much in stock as is ordered, and nothing of the sold-out SKU", () => {
  const wanted = new Map<string, number>();
  for (const { sku, quantity } of mixed.orders.flatMap(({ body }) => body.items)) {
    wanted.set(sku, (wanted.get(sku) ?? 0) + quantity);
  }
  for (const [sku, quantity] of wanted) expect(mixed.stock.get(sku)).toBe(sku === "r1-sold-out" ? 0 : quantity);
  expect(plain.stock.has("r1-sold-out")).toBe(false);
});

test("every name of a run carries its id", () => {
  expect(new Set(mixed.orders.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(6_919);
  expect(mixed.orders.every(({ body }) => body.customerId.startsWith("r1-"))).toBe(true);
  expect([...mixed.stock.keys()].every((sku) => sku.startsWith("r1-"))).toBe(true);
});

function count({ orders }: Plan, ending: Ending): number {
  return orders.filter((order) => order.ending === ending).length;
}

function total({ orders }: Plan, value: (order: Plan["orders"][number]) => number): number {
  return orders.reduce((sum, order) => sum + value(order), 0);
}
