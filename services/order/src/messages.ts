import { paymentCompleted, paymentFailed, stockRejected, stockReserved } from "@throughline/contracts";
import { on } from "@throughline/inbox";
import { recordPayment, recordStock } from "./use-cases.ts";

/** Everything that this service consumes. */
export const reactions = [
  on(stockReserved, ({ data }, tx) => recordStock(tx, data.orderId, "reserved")),
  on(stockRejected, ({ data }, tx) => recordStock(tx, data.orderId, "rejected")),
  on(paymentCompleted, ({ data }, tx) => recordPayment(tx, data.orderId, { result: "completed" })),
  on(paymentFailed, ({ data }, tx) => recordPayment(tx, data.orderId, { result: "failed", reason: data.reason })),
];
