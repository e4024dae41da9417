import { migrations as eventStore } from "@throughline/event-store";
import { openTestDatabase } from "@throughline/local/testing";
import { migrations as log } from "@throughline/log";
import { migrations as outbox } from "@throughline/outbox";
import type { PlaceOrder } from "../order.ts";

const own = { name: "order", folder: `${import.meta.dirname}/../../migrations` };

/** A database with the tables of the order service, but for the inbox. */
export const openTables = () => openTestDatabase(log, eventStore, outbox, own);

export const order: PlaceOrder = {
  customerId: "c-1",
  currency: "USD",
  express: false,
  items: [{ sku: "cd-1", quantity: 1, amountInCents: 1_496 }],
};
