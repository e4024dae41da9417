import { runCausedBy } from "@throughline/envelope";
import { closeStream, loadState, readStream } from "@throughline/event-store";
import { sql } from "drizzle-orm";
import { expect, test, vi } from "vitest";
import { OrderError, orders } from "./order.ts";
import { openTables, order } from "./testing/shop.ts";
import { cancelOrder, expireOrders, placeOrder, recordPayment, recordStock } from "./use-cases.ts";
import { findOrder } from "./views.ts";

test("an order, its view and its message commit together, with the caller's correlation", async () => {
  await using shop = await openShop();
  const placed = await runCausedBy({ correlationId: "mine" }, () => shop.do((tx) => placeOrder(tx, order)));
  expect(placed).toMatchObject({ status: "placed", totalInCents: 1_496, currency: "USD", correlationId: "mine" });
  expect(await findOrder(shop.database, placed.orderId)).toMatchObject({ status: "placed", customerId: "c-1" });
  expect(await shop.told()).toEqual([{ type: "order.created", key: placed.orderId, correlation_id: "mine" }]);
});

test("an order whose transaction fails was never placed", async () => {
  await using shop = await openShop();
  const failing = shop.do(async (tx) => {
    await placeOrder(tx, order);
    throw new Error("something else went wrong");
  });
  await expect(failing).rejects.toThrow("something else went wrong");
  expect(await shop.told()).toEqual([]);
});

test("the same request again gets the same answer, also when both come at once", async () => {
  await using shop = await openShop();
  const repeatable = { key: "k-1", fingerprint: "f-1" };
  const place = () => shop.do((tx) => placeOrder(tx, order, { repeatable }));
  const answers = await Promise.all([place(), place(), place()]);
  expect(new Set(answers.map(({ orderId }) => orderId)).size).toBe(1);
  expect(await place()).toEqual(answers[0]);
  expect(await shop.told()).toHaveLength(1);
});

test("the same key with another body is refused", async () => {
  await using shop = await openShop();
  await shop.do((tx) => placeOrder(tx, order, { repeatable: { key: "k-1", fingerprint: "f-1" } }));
  await expect(
    shop.do((tx) => placeOrder(tx, order, { repeatable: { key: "k-1", fingerprint: "f-2" } })),
  ).rejects.toThrow(OrderError);
  expect(await shop.told()).toHaveLength(1);
});

test("the view is what the history says, whatever happened", async () => {
  await using shop = await openShop();
  const { orderId } = await shop.do((tx) => placeOrder(tx, order));
  await shop.do((tx) => recordPayment(tx, orderId, { result: "completed" }));
  await shop.do((tx) => recordStock(tx, orderId, "reserved"));
  const history = await readStream(shop.database, `order-${orderId}`);
  expect(history.map(({ type }) => type)).toEqual(["placed", "payment-completed", "stock-reserved", "completed"]);
  const { state } = await loadState(shop.database, orders, orderId);
  const { orderId: _, placedAt, updatedAt, reason, ...view } = (await findOrder(shop.database, orderId)) ?? {};
  expect(view).toEqual(state);
  expect([placedAt, updatedAt]).toEqual([history[0]?.at, history.at(-1)?.at]);
});

test("an order that takes too long is cancelled, once, and no other", async () => {
  await using shop = await openShop();
  const [late, done] = [await shop.do((tx) => placeOrder(tx, order)), await shop.do((tx) => placeOrder(tx, order))];
  await shop.do((tx) => recordPayment(tx, done.orderId, { result: "completed" }));
  await shop.do((tx) => recordStock(tx, done.orderId, "reserved"));
  const soon = new Date(Date.now() + 60_000);
  const expired = await Promise.all([expireOrders(shop.database, soon), expireOrders(shop.database, soon)]);
  expect(expired.toSorted()).toEqual([0, 1]);
  expect(await findOrder(shop.database, late.orderId)).toMatchObject({ status: "cancelled", reason: "timed out" });
  expect(await findOrder(shop.database, done.orderId)).toMatchObject({ status: "completed" });
});

test("an order that cannot be cancelled in time is told of, and holds up no other", async () => {
  await using shop = await openShop();
  const [closed, late] = [await shop.do((tx) => placeOrder(tx, order)), await shop.do((tx) => placeOrder(tx, order))];
  await closeStream(shop.database, `order-${closed.orderId}`, { expected: 1 });
  const expiring = expireOrders(shop.database, new Date(Date.now() + 60_000));
  await expect(expiring).rejects.toThrow(`Order ${closed.orderId} could not be cancelled in time`);
  expect(await findOrder(shop.database, late.orderId)).toMatchObject({ status: "cancelled", reason: "timed out" });
  expect(await findOrder(shop.database, closed.orderId)).toMatchObject({ status: "placed" });
});

test("of several orders that cannot be cancelled in time, each is told of", async () => {
  await using shop = await openShop();
  await shop.do((tx) => Promise.all(Array.from({ length: 3 }, () => placeOrder(tx, order))));
  await shop.database.execute(sql`update streams set closed_at = now()`);
  const failure = await expireOrders(shop.database, new Date(Date.now() + 60_000)).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(AggregateError);
  expect(failure).toMatchObject({ message: "3 orders could not be cancelled in time" });
  expect((failure as AggregateError).errors).toHaveLength(3);
});

test("orders that only the view takes for placed hold up none behind them", async () => {
  await using shop = await openShop();
  const soon = new Date(Date.now() + 60_000);
  await shop.do((tx) => Promise.all(Array.from({ length: 100 }, () => placeOrder(tx, order))));
  expect(await expireOrders(shop.database, soon)).toBe(100);
  await shop.database.execute(sql`update orders set status = 'placed'`);
  const late = await shop.do((tx) => placeOrder(tx, order));
  expect(await expireOrders(shop.database, soon)).toBe(1);
  expect(await findOrder(shop.database, late.orderId)).toMatchObject({ status: "cancelled", reason: "timed out" });
});

test("a time-out that meets another change of the same order waits for it, and they do not lock each other out", async () => {
  await using shop = await openShop();
  const { orderId } = await shop.do((tx) => placeOrder(tx, order));
  const isWaiting = sql`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  const expiring = Promise.withResolvers<number>();
  await shop.do(async (tx) => {
    await tx.execute(sql`select from streams where stream_id = ${`order-${orderId}`} for update`);
    expiring.resolve(expireOrders(shop.database, new Date(Date.now() + 60_000)));
    await vi.waitUntil(async () => (await shop.database.execute(isWaiting)).rows.length > 0, { timeout: 10_000 });
    await recordStock(tx, orderId, "rejected");
  });
  expect(await expiring.promise).toBe(0);
  expect(await findOrder(shop.database, orderId)).toMatchObject({ status: "cancelled", reason: "sold out" });
});

test("what does not exist cannot be cancelled", async () => {
  await using shop = await openShop();
  await expect(shop.do((tx) => cancelOrder(tx, "o-unknown", "why not"))).rejects.toThrow("There is no such order");
});

async function openShop() {
  const { database, ...opened } = await openTables();
  return {
    ...opened,
    database,
    do: <Result>(work: (tx: Parameters<Parameters<typeof database.transaction>[0]>[0]) => Promise<Result>) =>
      database.transaction(work),
    async told() {
      const { rows } = await database.execute(sql`select type, key, correlation_id from outbox order by position`);
      return rows;
    },
  };
}
