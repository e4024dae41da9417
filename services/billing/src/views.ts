import type { RecordedEvent, View } from "@throughline/event-store";
import { type Database, saveLast, type Transaction } from "@throughline/log";
import { eq } from "drizzle-orm";
import type { Payment, PaymentEvent } from "./payment.ts";
import { paymentViews } from "./schema.ts";

export type PaymentView = typeof paymentViews.$inferSelect;

const save = saveLast(paymentViews);

/** Sets the row to what the payment is now; saving the same state again changes nothing. */
export async function savePaymentView(
  tx: Transaction,
  orderId: string,
  payment: Payment,
  events: readonly RecordedEvent<PaymentEvent>[],
): Promise<void> {
  const updatedAt = events.at(-1)?.at;
  if (updatedAt) save(tx, { orderId, ...payment, updatedAt });
}

/** For `rebuildView`. */
export const paymentView: View<PaymentEvent, Payment | undefined> = { table: "payments", save: savePaymentView };

export async function findPayment(database: Database, orderId: string): Promise<PaymentView | undefined> {
  const [payment] = await database.select().from(paymentViews).where(eq(paymentViews.orderId, orderId));
  return payment;
}
