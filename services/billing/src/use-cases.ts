import { decide } from "@throughline/event-store";
import type { Transaction } from "@throughline/log";
import { enqueue } from "@throughline/outbox";
import { type Amount, type Payment, type PaymentCommand, payments, toMessages } from "./payment.ts";
import { savePaymentView } from "./views.ts";

/** Notes that an order is to be paid. The worker charges it later; an order cancelled before is never charged. */
export async function requestPayment(tx: Transaction, orderId: string, amount: Amount & { express: boolean }) {
  await change(tx, orderId, { type: "request", ...amount });
}

/**
 * Notes that a charge is about to be tried. Returns false where nothing is to be charged any more. Once this has
 * committed the charge may have happened, whatever becomes of this process, so it is always tried to the end.
 */
export async function startCharge(tx: Transaction, orderId: string): Promise<boolean> {
  const payment = await change(tx, orderId, { type: "start-charge" });
  return payment?.status === "charging";
}

export type ChargeOutcome =
  | { readonly result: "charged"; readonly reference: string }
  | { readonly result: "declined"; readonly reason: string }
  | { readonly result: "skipped" };

export async function recordCharge(tx: Transaction, orderId: string, outcome: ChargeOutcome): Promise<void> {
  switch (outcome.result) {
    case "charged":
      await change(tx, orderId, { type: "record-charge", reference: outcome.reference });
      return;
    case "declined":
      await change(tx, orderId, { type: "record-decline", reason: outcome.reason });
      return;
    case "skipped":
      return;
  }
}

/** The order was cancelled: what was not charged never will be, what was charged is paid back. */
export async function voidPayment(tx: Transaction, orderId: string): Promise<void> {
  await change(tx, orderId, { type: "void" });
}

export async function recordRefund(tx: Transaction, orderId: string, reference: string): Promise<void> {
  await change(tx, orderId, { type: "record-refund", reference });
}

/** Decides, keeps the view and tells the world: all of it commits with `tx`, or nothing. */
async function change(tx: Transaction, orderId: string, command: PaymentCommand): Promise<Payment | undefined> {
  const { state: payment, events } = await decide(tx, payments, orderId, command);
  if (!payment) return undefined;
  const messages = events.flatMap((event) => toMessages(orderId, payment, event));
  await savePaymentView(tx, orderId, payment, events);
  await enqueue(tx, "billing-service", messages);
  return payment;
}
