import { given } from "@throughline/event-store/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Order, type OrderCommand, OrderError, type OrderEvent, orders, type PlaceOrder } from "./order.ts";

const order: PlaceOrder = {
  customerId: "c-1",
  currency: "USD",
  express: false,
  items: [
    { sku: "cd-1", quantity: 2, amountInCents: 2_933 },
    { sku: "cd-2", quantity: 1, amountInCents: 1_496 },
  ],
};
const placed: OrderEvent = { type: "placed", data: { ...order, totalInCents: 4_429 } };
const placedForFree: OrderEvent = { type: "placed", data: { ...order, totalInCents: 0 } };
const reserved: OrderEvent = { type: "stock-reserved", data: {} };
const rejected: OrderEvent = { type: "stock-rejected", data: {} };
const paid: OrderEvent = { type: "payment-completed", data: {} };
const unpaid: OrderEvent = { type: "payment-failed", data: {} };
const completed: OrderEvent = { type: "completed", data: {} };
const cancelled = (reason: string): OrderEvent => ({ type: "cancelled", data: { reason } });

const recordReserved: OrderCommand = { type: "record-stock", outcome: "reserved" };
const recordRejected: OrderCommand = { type: "record-stock", outcome: "rejected" };
const recordPaid: OrderCommand = { type: "record-payment", outcome: "completed" };
const recordUnpaid: OrderCommand = { type: "record-payment", outcome: "failed", reason: "card declined" };

test("an order is placed with the total of its lines", () => {
  given(orders)
    .when({ type: "place", ...order })
    .then(placed);
});

test("an order cannot be placed twice", () => {
  given(orders, placed)
    .when({ type: "place", ...order })
    .thenThrows(OrderError);
});

test("stock alone does not complete an order", () => {
  given(orders, placed).when(recordReserved).then(reserved);
});

test("an order completes when the payment follows the stock", () => {
  given(orders, placed, reserved).when(recordPaid).then(paid, completed);
});

test("an order completes when the stock follows the payment", () => {
  given(orders, placed, paid).when(recordReserved).then(reserved, completed);
});

test("an order of 0 cents needs no payment", () => {
  given(orders, placedForFree).when(recordReserved).then(reserved, completed);
});

test("sold-out stock cancels the order", () => {
  given(orders, placed, paid).when(recordRejected).then(rejected, cancelled("sold out"));
});

test("a declined card cancels the order with the bank's reason", () => {
  given(orders, placed).when(recordUnpaid).then(unpaid, cancelled("card declined"));
});

test("a fact that comes after the end is noted and changes nothing else", () => {
  given(orders, placed, cancelled("timed out")).when(recordPaid).then(paid);
});

test("a fact that is known already is nothing new", () => {
  given(orders, placed, reserved).when(recordReserved).then();
  given(orders, placed, rejected, cancelled("sold out")).when(recordReserved).then();
});

test("an order in work can be cancelled, once", () => {
  given(orders, placed).when({ type: "cancel", reason: "changed my mind" }).then(cancelled("changed my mind"));
  given(orders, placed, cancelled("x")).when({ type: "cancel", reason: "again" }).then();
});

test("a completed order cannot be cancelled", () => {
  given(orders, placed, reserved, paid, completed).when({ type: "cancel", reason: "too late" }).thenThrows(OrderError);
});

test("a time-out ends an order in work and no other", () => {
  given(orders, placed).when({ type: "expire" }).then(cancelled("timed out"));
  given(orders, placed, reserved, paid, completed).when({ type: "expire" }).then();
});

test("nothing happens to an order that does not exist", () => {
  given(orders).when(recordPaid).thenThrows(OrderError);
});

test("facts in any order, any number of times, end in the same state", () => {
  const outcomes = fc.tuple(fc.constantFrom(recordReserved, recordRejected), fc.constantFrom(recordPaid, recordUnpaid));
  const deliveries = outcomes.chain((facts) =>
    fc.array(fc.constantFrom(...facts), { maxLength: 6 }).chain((extra) => {
      const all = [...facts, ...extra];
      return fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }));
    }),
  );
  fc.assert(
    fc.property(deliveries, ([one, other]) => {
      // Which failure came first may differ, and with it the reason; nothing else may.
      expect({ ...after(one), reason: "" }).toEqual({ ...after(other), reason: "" });
    }),
  );
});

test("whatever comes, an order ends once", () => {
  const command = fc.constantFrom<OrderCommand>(
    recordReserved,
    recordRejected,
    recordPaid,
    recordUnpaid,
    { type: "expire" },
    { type: "cancel", reason: "changed my mind" },
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 12 }), (commands) => {
      const ends = historyOf(commands).filter(({ type }) => type === "completed" || type === "cancelled");
      expect(ends.length).toBeLessThanOrEqual(1);
    }),
  );
});

function after(commands: readonly OrderCommand[]): Order | undefined {
  return historyOf(commands).reduce(orders.evolve, orders.initialState);
}

function historyOf(commands: readonly OrderCommand[]): OrderEvent[] {
  const history = [placed];
  for (const command of commands) {
    const state = history.reduce(orders.evolve, orders.initialState);
    if (command.type === "cancel" && state?.status === "completed") continue;
    history.push(...orders.decide(command, state));
  }
  return history;
}
