import { bigint, jsonb, pgTable, text, timestamp } from "drizzle-orm/pg-core";

export type ReservedItem = { readonly sku: string; readonly quantity: number };

/**
 * What this service did for an order. A row may be `void` before the order is known here: the cancellation came first,
 * and the order, when it comes, reserves nothing.
 */
export const reservations = pgTable("reservations", {
  orderId: text("order_id").primaryKey(),
  status: text("status").$type<"reserved" | "rejected" | "released" | "shipped" | "void">().notNull(),
  items: jsonb("items").$type<readonly ReservedItem[]>().notNull(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
  updatedAt: timestamp("updated_at", { withTimezone: true }).notNull().defaultNow(),
});

/** One row per SKU, for reading. Its truth is the SKU's stream. */
export const stockViews = pgTable("stock", {
  sku: text("sku").primaryKey(),
  onHand: bigint("on_hand", { mode: "number" }).notNull(),
  reserved: bigint("reserved", { mode: "number" }).notNull(),
  updatedAt: timestamp("updated_at", { withTimezone: true }).notNull(),
});
