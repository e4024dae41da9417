import { given } from "@throughline/event-store/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { reservedOf, type Stock, type StockCommand, StockError, type StockEvent, stocks } from "./stock.ts";

const counted = (onHand: number): StockEvent => ({ type: "counted", data: { onHand } });
const reserved = (orderId: string, quantity: number): StockEvent => ({ type: "reserved", data: { orderId, quantity } });
const released = (orderId: string, quantity: number): StockEvent => ({ type: "released", data: { orderId, quantity } });
const shipped = (orderId: string, quantity: number): StockEvent => ({ type: "shipped", data: { orderId, quantity } });

test("what is counted is on hand", () => {
  given(stocks).when({ type: "count", onHand: 10 }).then(counted(10));
  given(stocks, counted(10)).when({ type: "count", onHand: 10 }).then();
  given(stocks).when({ type: "count", onHand: 0 }).then(counted(0));
});

test("a count cannot take away what open orders hold", () => {
  given(stocks, counted(10), reserved("o-1", 4)).when({ type: "count", onHand: 3 }).thenThrows(StockError);
});

test("an order reserves what is available, once", () => {
  given(stocks, counted(3)).when({ type: "reserve", orderId: "o-1", quantity: 3 }).then(reserved("o-1", 3));
  given(stocks, counted(3), reserved("o-1", 3)).when({ type: "reserve", orderId: "o-1", quantity: 3 }).then();
});

test.each(["constructor", "__proto__"])("an order whose id is %s reserves and ships like any other", (orderId) => {
  const history = [counted(3), reserved(orderId, 2)];
  given(stocks, counted(3)).when({ type: "reserve", orderId, quantity: 2 }).then(reserved(orderId, 2));
  given(stocks, counted(3)).when({ type: "ship", orderId }).then();
  given(stocks, ...history)
    .when({ type: "reserve", orderId, quantity: 2 })
    .then();
  given(stocks, ...history)
    .when({ type: "ship", orderId })
    .then(shipped(orderId, 2));
  expect(stateOf([...history, released(orderId, 2)])).toEqual(stateOf([counted(3)]));
});

test("what is reserved cannot be reserved by another order", () => {
  given(stocks, counted(3), reserved("o-1", 2))
    .when({ type: "reserve", orderId: "o-2", quantity: 2 })
    .thenThrows(StockError);
});

test("what was never counted is sold out", () => {
  given(stocks).when({ type: "reserve", orderId: "o-1", quantity: 1 }).thenThrows(StockError);
});

test("a cancelled order gives back what it held, once", () => {
  given(stocks, counted(3), reserved("o-1", 2)).when({ type: "release", orderId: "o-1" }).then(released("o-1", 2));
  given(stocks, counted(3), reserved("o-1", 2), released("o-1", 2)).when({ type: "release", orderId: "o-1" }).then();
});

test("a completed order takes what it held out of the house, once", () => {
  given(stocks, counted(3), reserved("o-1", 2)).when({ type: "ship", orderId: "o-1" }).then(shipped("o-1", 2));
  given(stocks, counted(3), reserved("o-1", 2), shipped("o-1", 2)).when({ type: "ship", orderId: "o-1" }).then();
});

test("stock is conserved: on hand plus shipped is what was counted, and never is more promised than there is", () => {
  const orderId = fc.constantFrom("o-1", "o-2", "o-3", "o-4");
  const command = fc.oneof(
    fc.record({ type: fc.constant("reserve" as const), orderId, quantity: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ type: fc.constant("release" as const), orderId }),
    fc.record({ type: fc.constant("ship" as const), orderId }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
      const history = [counted(10)];
      for (const each of commands) history.push(...decided(history, each));
      const stock = stateOf(history);
      const out = history.reduce((sum, event) => sum + (event.type === "shipped" ? event.data.quantity : 0), 0);
      expect(stock.onHand + out).toBe(10);
      expect(reservedOf(stock)).toBeGreaterThanOrEqual(0);
      expect(reservedOf(stock)).toBeLessThanOrEqual(stock.onHand);
    }),
  );
});

function decided(history: readonly StockEvent[], command: StockCommand): readonly StockEvent[] {
  try {
    return stocks.decide(command, stateOf(history));
  } catch (error) {
    if (error instanceof StockError) return [];
    throw error;
  }
}

function stateOf(history: readonly StockEvent[]): Stock {
  return history.reduce(stocks.evolve, stocks.initialState);
}
