import { orderCancelled, orderCreated, paymentRequested, refundRequested } from "@throughline/contracts";
import { on, onCall } from "@throughline/inbox";
import { type Database, shareTransactions } from "@throughline/log";
import type { PaymentProvider } from "./payment-provider.ts";
import { recordCharge, recordRefund, requestPayment, startCharge, voidPayment } from "./use-cases.ts";

/** Everything that this service consumes from others. */
export const reactions = [
  on(orderCreated, ({ data }, tx) =>
    requestPayment(tx, data.orderId, {
      amountInCents: data.totalInCents,
      currency: data.currency,
      express: data.express,
    }),
  ),
  on(orderCancelled, ({ data }, tx) => voidPayment(tx, data.orderId)),
];

/** Its own work queue. The message's id is the Idempotency-Key, so that a redelivery charges nothing twice. */
export function workReactions(database: Database, provider: PaymentProvider) {
  const inSharedTransaction = shareTransactions(database);
  return [
    onCall(
      paymentRequested,
      async ({ id, data }) => {
        const isDue = await inSharedTransaction((tx) => startCharge(tx, data.orderId));
        return isDue ? await provider.charge(data.orderId, data, id) : { result: "skipped" as const };
      },
      ({ data }, outcome, tx) => recordCharge(tx, data.orderId, outcome),
    ),
    onCall(
      refundRequested,
      ({ id, data }) => provider.refund(data.orderId, data, id),
      ({ data }, reference, tx) => recordRefund(tx, data.orderId, reference),
    ),
  ];
}
