import type { Database } from "@throughline/log";
import type { PlaceOrder } from "../order.ts";
import { cancelOrder, placeOrder, recordPayment, recordStock } from "../use-cases.ts";

export const order: PlaceOrder = {
  customerId: "c-1",
  currency: "USD",
  express: false,
  items: [{ sku: "cd-1", quantity: 1, amountInCents: 1_496 }],
};

/** An order and what becomes of it: completed, cancelled by the customer, sold out, or still in work. */
export async function runAnOrder(database: Database, number: number): Promise<string> {
  const { orderId } = await database.transaction((tx) => placeOrder(tx, order));
  await database.transaction(async (tx) => {
    if (number % 4 === 0) await recordPayment(tx, orderId, { result: "completed" });
    if (number % 4 === 1) await cancelOrder(tx, orderId, "changed my mind");
    if (number % 4 === 2) await recordStock(tx, orderId, "rejected");
  });
  if (number % 4 === 0) await database.transaction((tx) => recordStock(tx, orderId, "reserved"));
  return orderId;
}

/** Does it again and again, as often side by side as said, until it is disposed; that rejects where it ever failed. */
export function keepDoing(work: (number: number) => Promise<unknown>, sideBySide = 1): AsyncDisposable {
  let isOver = false;
  const running = Array.from({ length: sideBySide }, async () => {
    for (let number = 0; !isOver; number += 1) await work(number);
  });
  const ended = Promise.allSettled(running);
  return {
    async [Symbol.asyncDispose]() {
      isOver = true;
      await ended;
      await Promise.all(running);
    },
  };
}
