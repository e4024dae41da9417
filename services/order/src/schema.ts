import { bigint, boolean, index, json, jsonb, pgTable, text, timestamp } from "drizzle-orm/pg-core";
import type { Item, Order } from "./order.ts";

/** One row per order, for reading. Its truth is the order's stream. */
export const orderViews = pgTable(
  "orders",
  {
    orderId: text("order_id").primaryKey(),
    customerId: text("customer_id").notNull(),
    status: text("status").$type<Order["status"]>().notNull(),
    reason: text("reason"),
    payment: text("payment").$type<Order["payment"]>().notNull(),
    stock: text("stock").$type<Order["stock"]>().notNull(),
    currency: text("currency").notNull(),
    totalInCents: bigint("total_in_cents", { mode: "number" }).notNull(),
    express: boolean("express").notNull(),
    items: jsonb("items").$type<readonly Item[]>().notNull(),
    placedAt: timestamp("placed_at", { withTimezone: true }).notNull(),
    updatedAt: timestamp("updated_at", { withTimezone: true }).notNull(),
  },
  (table) => [
    index("orders_by_customer").on(table.customerId, table.orderId),
    index("orders_by_status").on(table.status, table.orderId),
  ],
);

/** The answer that was given under an Idempotency-Key, so that the same request again gets the same answer. */
export const idempotencyKeys = pgTable("idempotency_keys", {
  key: text("key").primaryKey(),
  /** SHA-256 of the body: the same key with another body is a mistake of the caller. */
  fingerprint: text("fingerprint").notNull(),
  answer: json("answer").$type<PlacedOrder>().notNull(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});

export type PlacedOrder = {
  readonly orderId: string;
  readonly status: "placed";
  readonly totalInCents: number;
  readonly currency: string;
  readonly correlationId: string;
};
