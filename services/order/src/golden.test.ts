import { goldenCases } from "@throughline/event-store/testing";
import { test } from "vitest";
import { type OrderCommand, orders } from "./order.ts";

const place: OrderCommand = {
  type: "place",
  customerId: "c-1",
  currency: "USD",
  express: true,
  items: [{ sku: "cd-1", quantity: 2, amountInCents: 2_933 }],
};
const reserved: OrderCommand = { type: "record-stock", outcome: "reserved" };
const rejected: OrderCommand = { type: "record-stock", outcome: "rejected" };
const paid: OrderCommand = { type: "record-payment", outcome: "completed" };
const unpaid: OrderCommand = { type: "record-payment", outcome: "failed", reason: "card declined" };

const cases = goldenCases(orders, `${import.meta.dirname}/../golden`, {
  placed: [place],
  "stock-reserved": [place, reserved],
  "stock-rejected": [place, rejected],
  "payment-completed": [place, paid],
  "payment-failed": [place, unpaid],
  completed: [place, reserved, paid],
  cancelled: [place, { type: "cancel", reason: "changed my mind" }],
});

test.each(cases)("$name", ({ run }) => run());
