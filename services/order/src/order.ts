import { orderCancelled, orderCompleted, orderCreated } from "@throughline/contracts";
import { deriveId, type Message } from "@throughline/envelope";
import type { Decider, RecordedEvent } from "@throughline/event-store";

export type Item = { readonly sku: string; readonly quantity: number; readonly amountInCents: number };

export type PlaceOrder = {
  readonly customerId: string;
  readonly currency: string;
  readonly express: boolean;
  readonly items: readonly Item[];
};

export type OrderCommand =
  | ({ readonly type: "place" } & PlaceOrder)
  | { readonly type: "record-stock"; readonly outcome: "reserved" | "rejected" }
  | { readonly type: "record-payment"; readonly outcome: "completed" | "failed"; readonly reason?: string }
  | { readonly type: "cancel"; readonly reason: string }
  | { readonly type: "expire" };

export type OrderEvent =
  | { readonly type: "placed"; readonly data: PlaceOrder & { readonly totalInCents: number } }
  | { readonly type: "stock-reserved"; readonly data: Record<string, never> }
  | { readonly type: "stock-rejected"; readonly data: Record<string, never> }
  | { readonly type: "payment-completed"; readonly data: Record<string, never> }
  | { readonly type: "payment-failed"; readonly data: Record<string, never> }
  | { readonly type: "completed"; readonly data: Record<string, never> }
  | { readonly type: "cancelled"; readonly data: { readonly reason: string } };

export type Order = {
  readonly status: "placed" | "completed" | "cancelled";
  readonly reason?: string;
  readonly payment: "pending" | "not-needed" | "completed" | "failed";
  readonly stock: "pending" | "reserved" | "rejected";
  readonly customerId: string;
  readonly currency: string;
  readonly express: boolean;
  readonly totalInCents: number;
  readonly items: readonly Item[];
};

/** The order is not in a state that allows the command: tell the caller, nothing has changed. */
export class OrderError extends Error {
  override readonly name = "OrderError";
  readonly kind: "unknown" | "conflict" | "key-reused";

  constructor(kind: OrderError["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** The rules of an order. It completes when stock and payment succeeded, in any order; it is cancelled when either failed. */
export const orders: Decider<OrderCommand, OrderEvent, Order | undefined> = {
  type: "order",
  initialState: undefined,

  decide(command, order) {
    if (command.type === "place") {
      if (order) throw new OrderError("conflict", "The order has been placed already");
      const totalInCents = command.items.reduce((sum, item) => sum + item.amountInCents, 0);
      const { type: _, ...placed } = command;
      return [{ type: "placed", data: { ...placed, totalInCents } }];
    }
    if (!order) throw new OrderError("unknown", "There is no such order");
    switch (command.type) {
      case "record-stock":
        return order.stock === "pending" ? withEnd(order, stockEvent(command.outcome), "sold out") : [];
      case "record-payment":
        return order.payment === "pending" ? withEnd(order, paymentEvent(command.outcome), command.reason) : [];
      case "cancel":
        if (order.status === "completed") throw new OrderError("conflict", "The order has been completed already");
        return order.status === "placed" ? [{ type: "cancelled", data: { reason: command.reason } }] : [];
      case "expire":
        return order.status === "placed" ? [{ type: "cancelled", data: { reason: "timed out" } }] : [];
    }
  },

  evolve(order, event) {
    if (event.type === "placed") {
      const payment = event.data.totalInCents === 0 ? "not-needed" : "pending";
      return { ...event.data, status: "placed", payment, stock: "pending" };
    }
    if (!order) throw new Error(`The history of an order begins with ${event.type}`);
    switch (event.type) {
      case "stock-reserved":
        return { ...order, stock: "reserved" };
      case "stock-rejected":
        return { ...order, stock: "rejected" };
      case "payment-completed":
        return { ...order, payment: "completed" };
      case "payment-failed":
        return { ...order, payment: "failed" };
      case "completed":
        return { ...order, status: "completed" };
      case "cancelled":
        return { ...order, status: "cancelled", reason: event.data.reason };
    }
  },
};

/** What the world is told of an event. Pure and total, so that telling it again yields the same messages. */
export function toMessages(orderId: string, order: Order, event: RecordedEvent<OrderEvent>): Message[] {
  const { customerId, currency, totalInCents, express, items } = order;
  switch (event.type) {
    case "placed": {
      const data = { orderId, customerId, currency, totalInCents, express, items: items.map(skuAndQuantity) };
      return [orderCreated.message(orderId, data, deriveId(`${event.id} order.created`, event.at))];
    }
    case "completed": {
      const data = { orderId, customerId, currency, totalInCents };
      return [orderCompleted.message(orderId, data, deriveId(`${event.id} order.completed`, event.at))];
    }
    case "cancelled": {
      const data = { orderId, reason: event.data.reason };
      return [orderCancelled.message(orderId, data, deriveId(`${event.id} order.cancelled`, event.at))];
    }
    default:
      return [];
  }
}

/** The fact, and the end of the order where the fact decides it. A fact that comes after the end is only noted. */
function withEnd(order: Order, fact: OrderEvent, reason = "payment failed"): OrderEvent[] {
  if (order.status !== "placed") return [fact];
  const next = orders.evolve(order, fact);
  if (next?.stock === "rejected" || next?.payment === "failed") return [fact, { type: "cancelled", data: { reason } }];
  const isPaid = next?.payment === "completed" || next?.payment === "not-needed";
  return next?.stock === "reserved" && isPaid ? [fact, { type: "completed", data: {} }] : [fact];
}

const stockEvent = (outcome: "reserved" | "rejected"): OrderEvent =>
  outcome === "reserved" ? { type: "stock-reserved", data: {} } : { type: "stock-rejected", data: {} };

const paymentEvent = (outcome: "completed" | "failed"): OrderEvent =>
  outcome === "completed" ? { type: "payment-completed", data: {} } : { type: "payment-failed", data: {} };

const skuAndQuantity = ({ sku, quantity }: Item) => ({ sku, quantity });
