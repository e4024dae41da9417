import {
  paymentCompleted,
  paymentFailed,
  paymentRefunded,
  paymentRequested,
  refundRequested,
} from "@throughline/contracts";
import { deriveId, type Message } from "@throughline/envelope";
import type { Decider, RecordedEvent } from "@throughline/event-store";

export type Amount = { readonly amountInCents: number; readonly currency: string };

export type PaymentCommand =
  | ({ readonly type: "request"; readonly express: boolean } & Amount)
  | { readonly type: "start-charge" }
  | { readonly type: "record-charge"; readonly reference: string }
  | { readonly type: "record-decline"; readonly reason: string }
  | { readonly type: "void" }
  | { readonly type: "record-refund"; readonly reference: string };

export type PaymentEvent =
  | { readonly type: "requested"; readonly data: Amount & { readonly express: boolean } }
  | { readonly type: "not-needed"; readonly data: Amount }
  | { readonly type: "charge-started"; readonly data: Record<string, never> }
  | { readonly type: "charged"; readonly data: { readonly reference: string } }
  | { readonly type: "declined"; readonly data: { readonly reason: string } }
  | { readonly type: "voided"; readonly data: Record<string, never> }
  | { readonly type: "refund-requested"; readonly data: Record<string, never> }
  | { readonly type: "refunded"; readonly data: { readonly reference: string } };

export type Payment =
  | { readonly status: "voided" }
  | ({ readonly status: "requested" | "not-needed" } & Amount)
  | ({ readonly status: "charging"; readonly isVoided: boolean } & Amount)
  | ({ readonly status: "declined"; readonly reason: string } & Amount)
  | ({ readonly status: "charged" | "refunding"; readonly reference: string } & Amount)
  | ({ readonly status: "refunded"; readonly reference: string; readonly refundReference: string } & Amount);

/** A result came for a charge or refund that was never begun. Nothing has changed; a person has to look. */
export class PaymentError extends Error {
  override readonly name = "PaymentError";
}

/**
 * The rules of one order's payment. Cancellation and creation of an order may arrive in any order, and a charge that
 * was begun may succeed at any time later: it is then paid back.
 */
export const payments: Decider<PaymentCommand, PaymentEvent, Payment | undefined> = {
  type: "payment",
  initialState: undefined,

  decide(command, payment) {
    switch (command.type) {
      case "request": {
        const { amountInCents, currency, express } = command;
        if (payment) return [];
        if (amountInCents === 0) return [{ type: "not-needed", data: { amountInCents, currency } }];
        return [{ type: "requested", data: { amountInCents, currency, express } }];
      }
      case "start-charge":
        return payment?.status === "requested" ? [{ type: "charge-started", data: {} }] : [];
      case "record-charge": {
        if (payment?.status === "charging") {
          const charged: PaymentEvent = { type: "charged", data: { reference: command.reference } };
          return payment.isVoided ? [charged, { type: "refund-requested", data: {} }] : [charged];
        }
        if (payment && "reference" in payment) return [];
        throw new PaymentError(`A charge was made for a payment that is ${payment?.status ?? "unknown"}`);
      }
      case "record-decline":
        if (payment?.status === "charging") return [{ type: "declined", data: { reason: command.reason } }];
        if (payment?.status === "declined") return [];
        throw new PaymentError(`A charge was declined for a payment that is ${payment?.status ?? "unknown"}`);
      case "void":
        return voidPayment(payment);
      case "record-refund":
        if (payment?.status === "refunding") return [{ type: "refunded", data: { reference: command.reference } }];
        if (payment?.status === "refunded") return [];
        throw new PaymentError(`A refund was made for a payment that is ${payment?.status ?? "unknown"}`);
    }
  },

  evolve(payment, event) {
    switch (event.type) {
      case "requested":
      case "not-needed": {
        const { amountInCents, currency } = event.data;
        return { status: event.type, amountInCents, currency };
      }
      case "voided":
        return payment?.status === "charging" ? { ...payment, isVoided: true } : { status: "voided" };
    }
    if (!payment || payment.status === "voided") throw new Error(`No amount is known where ${event.type} happened`);
    const { amountInCents, currency } = payment;
    switch (event.type) {
      case "charge-started":
        return { status: "charging", isVoided: false, amountInCents, currency };
      case "charged":
        return { status: "charged", reference: event.data.reference, amountInCents, currency };
      case "declined":
        return { status: "declined", reason: event.data.reason, amountInCents, currency };
      case "refund-requested":
        return { status: "refunding", reference: referenceOf(payment), amountInCents, currency };
      case "refunded": {
        const refundReference = event.data.reference;
        return { status: "refunded", reference: referenceOf(payment), refundReference, amountInCents, currency };
      }
    }
  },
};

/** What the world is told of an event. Pure and total, so that telling it again yields the same messages. */
export function toMessages(orderId: string, payment: Payment, event: RecordedEvent<PaymentEvent>): Message[] {
  const idFor = (contract: { readonly type: string }) => deriveId(`${event.id} ${contract.type}`, event.at);
  if (!("amountInCents" in payment)) return [];
  const { amountInCents, currency } = payment;
  const about = { orderId, amountInCents, currency };
  switch (event.type) {
    case "requested": {
      const data = { ...about, express: event.data.express };
      return [paymentRequested.message(orderId, data, idFor(paymentRequested))];
    }
    case "charged": {
      const data = { ...about, reference: event.data.reference };
      return [paymentCompleted.message(orderId, data, idFor(paymentCompleted))];
    }
    case "declined": {
      const data = { orderId, reason: event.data.reason };
      return [paymentFailed.message(orderId, data, idFor(paymentFailed))];
    }
    case "refund-requested":
      return [refundRequested.message(orderId, about, idFor(refundRequested))];
    case "refunded": {
      const data = { ...about, reference: event.data.reference };
      return [paymentRefunded.message(orderId, data, idFor(paymentRefunded))];
    }
    default:
      return [];
  }
}

function voidPayment(payment: Payment | undefined): PaymentEvent[] {
  switch (payment?.status) {
    case undefined:
    case "requested":
    case "not-needed":
      return [{ type: "voided", data: {} }];
    case "charging":
      return payment.isVoided ? [] : [{ type: "voided", data: {} }];
    case "charged":
      return [{ type: "refund-requested", data: {} }];
    default:
      return [];
  }
}

function referenceOf(payment: Payment): string {
  if ("reference" in payment) return payment.reference;
  throw new Error(`A payment that is ${payment.status} has no charge to pay back`);
}
