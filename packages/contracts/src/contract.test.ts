import { createEnvelope, RejectedError } from "@throughline/envelope";
import { expect, test } from "vitest";
import {
  contracts,
  eventTypes,
  orderCancelled,
  orderCompleted,
  paymentRequested,
  refundRequested,
  workPriority,
  workTypes,
} from "./index.ts";

const origin = { source: "order-service" };
const cancelled = { type: "order.cancelled", version: "1", key: "o-1" };

test("a sender cannot say what the contract does not allow, and is told every fault", () => {
  expect(() =>
    orderCompleted.message("o-1", { orderId: "o-1", customerId: "", currency: "eur", totalInCents: -1 }),
  ).toThrow(
    /order\.completed version 1: data\.customerId: .*data\.currency: expected an ISO 4217 code.*data\.totalInCents/,
  );
});

test("a receiver rejects for ever what does not keep the contract", () => {
  const envelope = createEnvelope({ ...cancelled, data: { orderId: "o-1" } }, origin);
  expect(() => orderCancelled.read(envelope)).toThrow(RejectedError);
  expect(() => orderCancelled.read(envelope)).toThrow(/data\.reason/);
});

test("a field that the receiver does not know is left out, so a sender may add one", () => {
  const envelope = createEnvelope(
    { ...cancelled, data: { orderId: "o-1", reason: "changed my mind", by: "c-1" } },
    origin,
  );
  expect(orderCancelled.read(envelope).data).toEqual({ orderId: "o-1", reason: "changed my mind" });
});

test("another version is another contract", () => {
  const envelope = createEnvelope({ ...cancelled, version: "2", data: { orderId: "o-1", reason: "x" } }, origin);
  expect(() => orderCancelled.read(envelope)).toThrow(
    "Expected order.cancelled version 1, got order.cancelled version 2",
  );
});

test("every message has one contract per version, and is an event or work", () => {
  const names = contracts.map(({ type, version }) => `${type} ${version}`);
  expect(new Set(names).size).toBe(names.length);
  expect([...eventTypes, ...workTypes].sort()).toEqual(contracts.map(({ type }) => type).sort());
});

test("express orders are charged before others, and refunds come last", () => {
  const charge = (express: boolean) => {
    const data = { orderId: "o-1", amountInCents: 1, currency: "USD", express };
    return createEnvelope(paymentRequested.message("o-1", data), origin);
  };
  const data = { orderId: "o-1", amountInCents: 1, currency: "USD" };
  const refund = createEnvelope(refundRequested.message("o-1", data), origin);
  const priorities = [charge(true), charge(false), refund].map(workPriority);
  expect(priorities).toEqual([...priorities].sort((a, b) => b - a));
  expect(new Set(priorities).size).toBe(3);
});
