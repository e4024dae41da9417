import {
  orderCancelled,
  orderCompleted,
  orderCreated,
  paymentCompleted,
  paymentFailed,
  paymentRefunded,
  stockRejected,
  stockReleased,
  stockReserved,
} from "@throughline/contracts";
import { on } from "@throughline/inbox";
import { setFacts } from "./views.ts";

/** Everything that this service consumes. */
export const reactions = [
  on(orderCreated, ({ data, timestamp }, tx) =>
    setFacts(tx, data.orderId, {
      customerId: data.customerId,
      currency: data.currency,
      totalInCents: data.totalInCents,
      pieces: data.items.reduce((sum, item) => sum + item.quantity, 0),
      express: data.express,
      placedAt: new Date(timestamp),
    }),
  ),
  on(orderCompleted, ({ data: { orderId, ...facts }, timestamp }, tx) =>
    setFacts(tx, orderId, { ...facts, completedAt: new Date(timestamp) }),
  ),
  on(orderCancelled, ({ data, timestamp }, tx) =>
    setFacts(tx, data.orderId, { cancelledAt: new Date(timestamp), cancelReason: data.reason }),
  ),
  on(paymentCompleted, ({ data }, tx) => setFacts(tx, data.orderId, { chargedInCents: data.amountInCents })),
  on(paymentFailed, ({ data }, tx) => setFacts(tx, data.orderId, { paymentFailure: data.reason })),
  on(paymentRefunded, ({ data }, tx) => setFacts(tx, data.orderId, { refundedInCents: data.amountInCents })),
  on(stockReserved, ({ data, timestamp }, tx) => setFacts(tx, data.orderId, { stockReservedAt: new Date(timestamp) })),
  on(stockRejected, ({ data }, tx) => setFacts(tx, data.orderId, { stockRejection: data.reason })),
  on(stockReleased, ({ data, timestamp }, tx) => setFacts(tx, data.orderId, { stockReleasedAt: new Date(timestamp) })),
];
