import { bigint, boolean, index, integer, pgTable, text, timestamp } from "drizzle-orm/pg-core";

/**
 * One row per order. Each message sets the columns that it tells of, and what two of them tell is the same, so messages
 * may come in any order and any number of times. All sums are computed from these rows; nothing is ever added up.
 */
export const orderFacts = pgTable(
  "order_facts",
  {
    orderId: text("order_id").primaryKey(),
    customerId: text("customer_id"),
    currency: text("currency"),
    totalInCents: bigint("total_in_cents", { mode: "number" }),
    pieces: integer("pieces"),
    express: boolean("express"),
    placedAt: timestamp("placed_at", { withTimezone: true }),
    completedAt: timestamp("completed_at", { withTimezone: true }),
    cancelledAt: timestamp("cancelled_at", { withTimezone: true }),
    cancelReason: text("cancel_reason"),
    chargedInCents: bigint("charged_in_cents", { mode: "number" }),
    refundedInCents: bigint("refunded_in_cents", { mode: "number" }),
    paymentFailure: text("payment_failure"),
    stockReservedAt: timestamp("stock_reserved_at", { withTimezone: true }),
    stockReleasedAt: timestamp("stock_released_at", { withTimezone: true }),
    stockRejection: text("stock_rejection"),
  },
  (table) => [index("order_facts_by_time").on(table.placedAt)],
);
