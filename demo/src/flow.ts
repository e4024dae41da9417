/** What the flow's public contract says of its services: who tells what, who hears it, and how much of it is kept where. */
export const serviceNames = ["order", "billing", "inventory", "analytics"] as const;

export type ServiceName = (typeof serviceNames)[number];

const orderEvents = ["order.created", "order.completed", "order.cancelled"];
const paymentEvents = ["payment.completed", "payment.failed", "payment.refunded"];
const stockEvents = ["stock.reserved", "stock.rejected", "stock.released"];
const work = ["payment.requested", "refund.requested"];

/** The services that tell something. */
export const tellers = [
  { service: "order", source: "order-service", types: orderEvents },
  { service: "billing", source: "billing-service", types: [...paymentEvents, ...work] },
  { service: "inventory", source: "inventory-service", types: stockEvents },
] as const;

export type Teller = (typeof tellers)[number];

export type Consumer = {
  readonly group: string;
  readonly service: ServiceName;
  /** The types that are bound to it. */
  readonly types: readonly string[];
};

export const consumers: readonly Consumer[] = [
  {
    group: "order",
    service: "order",
    types: ["stock.reserved", "stock.rejected", "payment.completed", "payment.failed"],
  },
  { group: "billing", service: "billing", types: ["order.created", "order.cancelled"] },
  { group: "billing.work", service: "billing", types: work },
  { group: "inventory", service: "inventory", types: orderEvents },
  { group: "analytics", service: "analytics", types: [...orderEvents, ...paymentEvents, ...stockEvents] },
];

/** The message that must be told wherever an event of this name stands in a stream of this type. */
export const messageOfEvent: { readonly [streamAndEvent: string]: string } = {
  "order placed": "order.created",
  "order completed": "order.completed",
  "order cancelled": "order.cancelled",
  "payment requested": "payment.requested",
  "payment charged": "payment.completed",
  "payment declined": "payment.failed",
  "payment refund-requested": "refund.requested",
  "payment refunded": "payment.refunded",
};
