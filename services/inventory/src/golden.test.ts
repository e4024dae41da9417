import { goldenCases } from "@throughline/event-store/testing";
import { test } from "vitest";
import { type StockCommand, stocks } from "./stock.ts";

const orderId = "o-1";
const count: StockCommand = { type: "count", onHand: 10 };
const reserve: StockCommand = { type: "reserve", orderId, quantity: 2 };

const cases = goldenCases(stocks, `${import.meta.dirname}/../golden`, {
  counted: [count],
  reserved: [count, reserve],
  released: [count, reserve, { type: "release", orderId }],
  shipped: [count, reserve, { type: "ship", orderId }],
});

test.each(cases)("$name", ({ run }) => run());
