import { bigint, pgTable, text, timestamp } from "drizzle-orm/pg-core";
import type { Payment } from "./payment.ts";

/** One row per order's payment, for reading. Its truth is the payment's stream. */
export const paymentViews = pgTable("payments", {
  orderId: text("order_id").primaryKey(),
  status: text("status").$type<Payment["status"]>().notNull(),
  amountInCents: bigint("amount_in_cents", { mode: "number" }),
  currency: text("currency"),
  reference: text("reference"),
  refundReference: text("refund_reference"),
  reason: text("reason"),
  updatedAt: timestamp("updated_at", { withTimezone: true }).notNull(),
});
