import type { RecordedEvent } from "@throughline/event-store";
import type { Database, Transaction } from "@throughline/log";
import { eq } from "drizzle-orm";
import type { Payment, PaymentEvent } from "./payment.ts";
import { paymentViews } from "./schema.ts";

export type PaymentView = typeof paymentViews.$inferSelect;

/** Sets the row to what the payment is now; saving the same state again changes nothing. */
export async function savePaymentView(
  tx: Transaction,
  orderId: string,
  payment: Payment,
  events: readonly RecordedEvent<PaymentEvent>[],
): Promise<void> {
  const updatedAt = events.at(-1)?.at;
  if (!updatedAt) return;
  const { isVoided: _, ...known } = { isVoided: undefined, ...payment };
  await tx
    .insert(paymentViews)
    .values({ orderId, ...known, updatedAt })
    .onConflictDoUpdate({ target: paymentViews.orderId, set: { ...known, updatedAt } });
}

export async function findPayment(database: Database, orderId: string): Promise<PaymentView | undefined> {
  const [payment] = await database.select().from(paymentViews).where(eq(paymentViews.orderId, orderId));
  return payment;
}
