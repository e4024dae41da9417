import type { Envelope } from "@throughline/envelope";
import { z } from "zod";
import { type Contract, defineContract } from "./contract.ts";

const id = z.string().min(1).max(100);
/** What may be ordered may be stocked: any text but those which a URL takes for steps in its path. */
export const sku = id.refine((text) => text !== "." && text !== "..", "expected no step in a path");
const cents = z.int().nonnegative();
const currency = z.string().regex(/^[A-Z]{3}$/, "expected an ISO 4217 code");
const items = z.array(z.object({ sku: id, quantity: z.int().positive() })).min(1);
const reason = z.string().min(1).max(500);

export const orderCreated = defineContract(
  "order.created",
  "1",
  z.object({ orderId: id, customerId: id, currency, totalInCents: cents, express: z.boolean(), items }),
);
export const orderCompleted = defineContract(
  "order.completed",
  "1",
  z.object({ orderId: id, customerId: id, currency, totalInCents: cents }),
);
export const orderCancelled = defineContract("order.cancelled", "1", z.object({ orderId: id, reason }));

export const paymentRequested = defineContract(
  "payment.requested",
  "1",
  z.object({ orderId: id, amountInCents: cents, currency, express: z.boolean() }),
  { kind: "work" },
);
export const refundRequested = defineContract(
  "refund.requested",
  "1",
  z.object({ orderId: id, amountInCents: cents, currency }),
  { kind: "work" },
);
export const paymentCompleted = defineContract(
  "payment.completed",
  "1",
  z.object({ orderId: id, amountInCents: cents, currency, reference: id }),
);
export const paymentFailed = defineContract("payment.failed", "1", z.object({ orderId: id, reason }));
export const paymentRefunded = defineContract(
  "payment.refunded",
  "1",
  z.object({ orderId: id, amountInCents: cents, currency, reference: id }),
);

export const stockReserved = defineContract("stock.reserved", "1", z.object({ orderId: id, items }));
export const stockRejected = defineContract("stock.rejected", "1", z.object({ orderId: id, reason }));
export const stockReleased = defineContract("stock.released", "1", z.object({ orderId: id, items }));

/** Every message that the services exchange. */
export const contracts = [
  orderCreated,
  orderCompleted,
  orderCancelled,
  paymentRequested,
  refundRequested,
  paymentCompleted,
  paymentFailed,
  paymentRefunded,
  stockReserved,
  stockRejected,
  stockReleased,
] as const;

export const eventTypes: readonly string[] = typesOf("event");
export const workTypes: readonly string[] = typesOf("work");

/** Priority on the work queue, 0 to 9: express orders go first, refunds after all charges. */
export function workPriority(envelope: Envelope): number {
  if (envelope.type === refundRequested.type) return 0;
  return (envelope.data as { readonly express?: boolean }).express ? 9 : 4;
}

function typesOf(kind: Contract["kind"]): string[] {
  return contracts.filter((contract) => contract.kind === kind).map((contract) => contract.type);
}
