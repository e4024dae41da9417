import type { Delivery } from "./messages.ts";
import type { Records } from "./records.ts";

/** Whether what a message makes its consumer do is there, by the consumer's own tables. */
export function hasEffect({ group, message: { type, key } }: Delivery, records: Records): boolean {
  const has = effects[`${group} ${type}`];
  if (!has) throw new Error(`Nobody has said what ${type} makes ${group} do`);
  return has(key, records);
}

type Look = (orderId: string, records: Records) => boolean;

const effects: { readonly [groupAndType: string]: Look } = {
  "order stock.reserved": (id, { orders }) => orders.get(id)?.stock === "reserved",
  "order stock.rejected": (id, { orders }) => orders.get(id)?.stock === "rejected",
  "order payment.completed": (id, { orders }) => orders.get(id)?.payment === "completed",
  "order payment.failed": (id, { orders }) => orders.get(id)?.payment === "failed",

  "billing order.created": (id, { payments }) => payments.has(id),
  "billing order.cancelled": paymentIs("voided", "declined", "refunded"),
  "billing.work payment.requested": paymentIs("charged", "declined", "refunding", "refunded", "voided"),
  "billing.work refund.requested": paymentIs("refunded"),

  "inventory order.created": (id, { reservations }) => reservations.has(id),
  "inventory order.completed": reservationIs("shipped"),
  "inventory order.cancelled": reservationIs("released", "rejected", "void"),

  "analytics order.created": knows("placed_at"),
  "analytics order.completed": knows("completed_at"),
  "analytics order.cancelled": knows("cancelled_at"),
  "analytics payment.completed": knows("charged_in_cents"),
  "analytics payment.failed": knows("payment_failure"),
  "analytics payment.refunded": knows("refunded_in_cents"),
  "analytics stock.reserved": knows("stock_reserved_at"),
  "analytics stock.rejected": knows("stock_rejection"),
  "analytics stock.released": knows("stock_released_at"),
};

function paymentIs(...statuses: readonly string[]): Look {
  return (id, { payments }) => statuses.includes(payments.get(id)?.status ?? "");
}

function reservationIs(...statuses: readonly string[]): Look {
  return (id, { reservations }) => statuses.includes(reservations.get(id)?.status ?? "");
}

function knows(column: string): Look {
  return (id, { facts }) => facts.get(id)?.known.includes(column) ?? false;
}
