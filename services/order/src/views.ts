import type { RecordedEvent, View } from "@throughline/event-store";
import { type Database, saveLast, type Transaction } from "@throughline/log";
import { and, desc, eq, lt } from "drizzle-orm";
import type { Order, OrderEvent } from "./order.ts";
import { orderViews } from "./schema.ts";

export type OrderView = typeof orderViews.$inferSelect;

export type OrderFilter = {
  readonly customerId?: string | undefined;
  /** Of this customer, whoever else is asked for. */
  readonly only?: string | undefined;
  readonly status?: Order["status"] | undefined;
  /** The last order id of the page before. */
  readonly after?: string | undefined;
  readonly limit: number;
};

// When it was placed is said by its first event, and never again.
const save = saveLast(orderViews, { once: ["placedAt"] });

/** Sets the row to what the order is now; saving the same state again changes nothing. */
export async function saveOrderView(
  tx: Transaction,
  orderId: string,
  order: Order,
  events: readonly RecordedEvent<OrderEvent>[],
): Promise<void> {
  const at = events.at(-1)?.at;
  if (at) save(tx, { orderId, ...order, placedAt: at, updatedAt: at });
}

/** For `rebuildView`. */
export const orderView: View<OrderEvent, Order | undefined> = { table: "orders", save: saveOrderView };

export async function findOrder(database: Database, orderId: string): Promise<OrderView | undefined> {
  const [order] = await database.select().from(orderViews).where(eq(orderViews.orderId, orderId));
  return order;
}

/** A page of orders, the newest first: order ids are sorted by time. */
export async function findOrders(database: Database, filter: OrderFilter): Promise<OrderView[]> {
  const { customerId, only, status, after, limit } = filter;
  return await database
    .select()
    .from(orderViews)
    .where(
      and(
        customerId === undefined ? undefined : eq(orderViews.customerId, customerId),
        only === undefined ? undefined : eq(orderViews.customerId, only),
        status === undefined ? undefined : eq(orderViews.status, status),
        after === undefined ? undefined : lt(orderViews.orderId, after),
      ),
    )
    .orderBy(desc(orderViews.orderId))
    .limit(limit);
}
