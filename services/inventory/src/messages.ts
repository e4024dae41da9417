import { orderCancelled, orderCompleted, orderCreated } from "@throughline/contracts";
import { on } from "@throughline/inbox";
import { releaseStock, reserveStock, shipStock } from "./use-cases.ts";

/** Everything that this service consumes. */
export const reactions = [
  on(orderCreated, ({ data }, tx) => reserveStock(tx, data.orderId, data.items)),
  on(orderCancelled, ({ data }, tx) => releaseStock(tx, data.orderId)),
  on(orderCompleted, ({ data }, tx) => shipStock(tx, data.orderId)),
];
