export { type Contract, defineContract } from "./contract.ts";
export {
  contracts,
  eventTypes,
  orderCancelled,
  orderCompleted,
  orderCreated,
  paymentCompleted,
  paymentFailed,
  paymentRefunded,
  paymentRequested,
  refundRequested,
  sku,
  stockRejected,
  stockReleased,
  stockReserved,
  workPriority,
  workTypes,
} from "./messages.ts";
