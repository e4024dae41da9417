import { given } from "@throughline/event-store/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Payment, type PaymentCommand, PaymentError, type PaymentEvent, payments } from "./payment.ts";

const amount = { amountInCents: 4_429, currency: "USD" };
const request: PaymentCommand = { type: "request", express: true, ...amount };
const start: PaymentCommand = { type: "start-charge" };
const recordCharge: PaymentCommand = { type: "record-charge", reference: "ch-1" };
const recordDecline: PaymentCommand = { type: "record-decline", reason: "card declined" };
const recordRefund: PaymentCommand = { type: "record-refund", reference: "re-1" };
const cancel: PaymentCommand = { type: "void" };

const requested: PaymentEvent = { type: "requested", data: { express: true, ...amount } };
const started: PaymentEvent = { type: "charge-started", data: {} };
const charged: PaymentEvent = { type: "charged", data: { reference: "ch-1" } };
const declined: PaymentEvent = { type: "declined", data: { reason: "card declined" } };
const voided: PaymentEvent = { type: "voided", data: {} };
const refundRequested: PaymentEvent = { type: "refund-requested", data: {} };
const refunded: PaymentEvent = { type: "refunded", data: { reference: "re-1" } };

test("a payment is requested once", () => {
  given(payments).when(request).then(requested);
  given(payments, requested).when(request).then();
});

test("0 cents need no charge", () => {
  const free = { amountInCents: 0, currency: "USD" };
  given(payments)
    .when({ type: "request", express: false, ...free })
    .then({ type: "not-needed", data: free });
});

test("an order that was cancelled before it was known is never charged", () => {
  given(payments).when(cancel).then(voided);
  given(payments, voided).when(request).then();
  given(payments, voided).when(start).then();
});

test("an order that was cancelled before the charge began is not charged", () => {
  given(payments, requested).when(cancel).then(voided);
  given(payments, requested, voided).when(start).then();
});

test("a charge is begun once and recorded once", () => {
  given(payments, requested).when(start).then(started);
  given(payments, requested, started).when(start).then();
  given(payments, requested, started).when(recordCharge).then(charged);
  given(payments, requested, started, charged).when(recordCharge).then();
});

test("a declined card is recorded once and leaves nothing to pay back", () => {
  given(payments, requested, started).when(recordDecline).then(declined);
  given(payments, requested, started, declined).when(recordDecline).then();
  given(payments, requested, started, declined).when(cancel).then();
});

test("a charge that succeeds after the order was cancelled is paid back", () => {
  given(payments, requested, started).when(cancel).then(voided);
  given(payments, requested, started, voided).when(recordCharge).then(charged, refundRequested);
});

test("a charged order that is cancelled is paid back once", () => {
  given(payments, requested, started, charged).when(cancel).then(refundRequested);
  given(payments, requested, started, charged, refundRequested).when(cancel).then();
  given(payments, requested, started, charged, refundRequested).when(recordRefund).then(refunded);
  given(payments, requested, started, charged, refundRequested, refunded).when(recordRefund).then();
});

test("a result that nobody asked for is not taken as one", () => {
  given(payments).when(recordCharge).thenThrows(PaymentError);
  given(payments, requested, started, charged).when(recordRefund).thenThrows(PaymentError);
});

test("a cancelled order ends without the customer's money, whatever came in which order and how often", () => {
  const deliveries = fc
    .array(fc.constantFrom(request, cancel), { maxLength: 4 })
    .chain((extra) => fc.shuffledSubarray([request, cancel, ...extra], { minLength: 2 + extra.length }))
    .chain((messages) => fc.tuple(fc.constant(messages), fc.nat({ max: messages.length }), fc.boolean()));
  fc.assert(
    fc.property(deliveries, ([messages, workAt, isDeclined]) => {
      const history: PaymentEvent[] = [];
      const send = (command: PaymentCommand) => history.push(...payments.decide(command, stateOf(history)));
      messages.forEach((message, index) => {
        if (index === workAt) work(history, send, isDeclined);
        send(message);
      });
      work(history, send, isDeclined);
      if (stateOf(history)?.status === "refunding") send(recordRefund);

      const count = (type: PaymentEvent["type"]) => history.filter((event) => event.type === type).length;
      expect(count("refunded")).toBe(count("charged"));
      expect(count("charge-started")).toBeLessThanOrEqual(1);
      expect(["voided", "declined", "refunded"]).toContain(stateOf(history)?.status);
    }),
  );
});

function work(history: PaymentEvent[], send: (command: PaymentCommand) => void, isDeclined: boolean): void {
  send(start);
  if (stateOf(history)?.status === "charging") send(isDeclined ? recordDecline : recordCharge);
}

function stateOf(history: readonly PaymentEvent[]): Payment | undefined {
  return history.reduce(payments.evolve, payments.initialState);
}
