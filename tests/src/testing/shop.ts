import { uniqueName } from "@throughline/local/testing";
import { expect, vi } from "vitest";
import type { Fleet } from "./fleet.ts";
import { call, get } from "./http.ts";

export type Item = { readonly sku: string; readonly quantity: number; readonly amountInCents: number };
export type OrderBody = {
  readonly customerId: string;
  readonly currency: string;
  readonly items: readonly Item[];
  readonly express?: boolean;
};
export type Placed = { readonly orderId: string; readonly totalInCents: number; readonly correlationId: string };
export type Order = {
  readonly orderId: string;
  readonly status: "placed" | "completed" | "cancelled";
  readonly reason?: string;
  readonly payment: string;
  readonly stock: string;
  readonly totalInCents: number;
};
export type Stock = { readonly onHand: number; readonly reserved: number; readonly available: number };
export type Entry = {
  readonly kind: "charge" | "refund";
  readonly orderId: string;
  readonly amountInCents: number;
  readonly idempotencyKey: string;
};
export type Payment = { readonly status: string; readonly amountInCents?: number; readonly reason?: string };

/** What a stranger can do with the shop over HTTP, and nothing else. */
export function shopOf({ services }: Pick<Fleet, "services">) {
  const shop = {
    /** A new SKU with this many pieces. */
    async stocked(onHand: number): Promise<string> {
      const sku = uniqueName("cd-");
      const { status } = await call(`${services.inventory.url}/stock/${sku}`, { method: "PUT", body: { onHand } });
      expect(status).toBe(200);
      return sku;
    },
    async place(order: OrderBody, headers: Readonly<Record<string, string>> = {}): Promise<Placed> {
      const { status, body, text } = await call(`${services.order.url}/orders`, {
        method: "POST",
        headers,
        body: order,
      });
      if (status !== 201) throw new Error(`An order was answered ${status}: ${text}`);
      return body as Placed;
    },
    /** Asks again with the same key, as a client must that got no answer, until there is one. */
    placePersistently: (order: OrderBody): Promise<Placed> => {
      const headers = { "idempotency-key": uniqueName("k-") };
      return vi.waitFor(() => shop.place(order, headers), { timeout: 60_000, interval: 100 });
    },
    order: (orderId: string) => get<Order>(`${services.order.url}/orders/${orderId}`),
    payment: (orderId: string) => get<Payment>(`${services.billing.url}/payments/${orderId}`),
    stock: (sku: string) => get<Stock>(`${services.inventory.url}/stock/${sku}`),
    ledger: (orderId?: string) =>
      get<Entry[]>(`${services.provider.url}/ledger${orderId === undefined ? "" : `?orderId=${orderId}`}`),
    /** The order once it has ended. */
    ended: (orderId: string, timeout = 60_000): Promise<Order> =>
      vi.waitFor(
        async () => {
          const order = await shop.order(orderId);
          if (order.status === "placed") throw new Error(`Order ${orderId} is still open: ${JSON.stringify(order)}`);
          return order;
        },
        { timeout, interval: 50 },
      ),
    async behave(behaviour: Readonly<Record<string, number | boolean>>): Promise<void> {
      await call(`${services.provider.url}/behaviour`, { method: "PUT", body: behaviour });
    },
  };
  return shop;
}

/** An order of one piece. */
export function orderOf(sku: string, amountInCents = 1_496, quantity = 1): OrderBody {
  return { customerId: "c-1", currency: "USD", items: [{ sku, quantity, amountInCents }] };
}
