import { currentCause, newId } from "@throughline/envelope";
import { decide } from "@throughline/event-store";
import { allEnded, askTogether, type Database, query, type Transaction } from "@throughline/log";
import { enqueue } from "@throughline/outbox";
import { and, eq, lt } from "drizzle-orm";
import { type OrderCommand, OrderError, type OrderEvent, orders, type PlaceOrder, toMessages } from "./order.ts";
import { idempotencyKeys, orderViews, type PlacedOrder } from "./schema.ts";
import { saveOrderView } from "./views.ts";

/** What a caller sent to be recognised by, should it send the same request again. */
export type Repeatable = { readonly key: string; readonly fingerprint: string };

export type Placement = {
  /** Default: the same order sent twice is two orders. */
  readonly repeatable?: Repeatable | undefined;
  /** Who asks, kept beside the event. */
  readonly by?: string;
};

/**
 * Takes an order, or returns the answer that the same request got before. Throws an `OrderError` of the kind
 * `key-reused` where the key came with another body before.
 */
export async function placeOrder(
  tx: Transaction,
  order: PlaceOrder,
  { repeatable, by }: Placement = {},
): Promise<PlacedOrder> {
  const orderId = newId();
  const { currency, items } = order;
  const totalInCents = items.reduce((sum, item) => sum + item.amountInCents, 0);
  const correlationId = currentCause()?.correlationId ?? orderId;
  const answer: PlacedOrder = { orderId, status: "placed", totalInCents, currency, correlationId };

  const earlier = repeatable && (await claimKey(tx, repeatable, answer));
  if (earlier) return earlier;
  await change(tx, orderId, { type: "place", ...order }, by);
  return answer;
}

export async function recordStock(tx: Transaction, orderId: string, outcome: "reserved" | "rejected"): Promise<void> {
  await change(tx, orderId, { type: "record-stock", outcome });
}

export async function recordPayment(
  tx: Transaction,
  orderId: string,
  outcome: { readonly result: "completed" } | { readonly result: "failed"; readonly reason: string },
): Promise<void> {
  const reason = outcome.result === "failed" ? { reason: outcome.reason } : {};
  await change(tx, orderId, { type: "record-payment", outcome: outcome.result, ...reason });
}

/** Cancels an order that is not completed. Throws an `OrderError` for any other; cancelling twice is no fault. `by` is kept. */
export async function cancelOrder(tx: Transaction, orderId: string, reason: string, by?: string): Promise<void> {
  await change(tx, orderId, { type: "cancel", reason }, by);
}

/** Cancels orders that were placed before `before` and have not ended, a hundred at a time. Returns how many. */
export async function expireOrders(database: Database, before: Date): Promise<number> {
  // Not locked here: whoever changes an order locks its stream first and its row in the view last, and so does this.
  const overdue = await database
    .select({ orderId: orderViews.orderId })
    .from(orderViews)
    .where(and(eq(orderViews.status, "placed"), lt(orderViews.placedAt, before)))
    .orderBy(orderViews.orderId)
    .limit(100);
  return await database.transaction(async (tx) => {
    let expired = 0;
    for (const { orderId } of overdue) expired += (await change(tx, orderId, { type: "expire" })).length;
    return expired;
  });
}

/** Decides, keeps the view and tells the world: all of it commits with `tx`, or nothing. Returns what happened. */
async function change(
  tx: Transaction,
  orderId: string,
  command: OrderCommand,
  by?: string,
): Promise<readonly OrderEvent[]> {
  const metadata = by === undefined ? {} : { by };
  const { state: order, events } = await decide(tx, orders, orderId, command, { metadata });
  if (!order) throw new OrderError("unknown", "There is no such order");
  const messages = events.flatMap((event) => toMessages(orderId, order, event));
  await saveOrderView(tx, orderId, order, events);
  await enqueue(tx, "order-service", messages);
  return events;
}

type Claim = Repeatable & { readonly answer: PlacedOrder };

/**
 * The unique key decides who was first: a concurrent repeat waits here until the first has committed or failed. Not for
 * long, because others wait with it, and the first may be in a process that is frozen. Sorted, so that nobody deadlocks.
 */
async function claimAll(tx: Transaction, claims: readonly Claim[]): Promise<boolean[]> {
  const briefly = query(tx, "wait-briefly", "select set_config('lock_timeout', '2s', true)");
  const claiming = query<{ key: string }>(
    tx,
    "claim-idempotency-keys",
    `insert into idempotency_keys (key, fingerprint, answer)
     select key, fingerprint, answer
     from unnest($1::text[], $2::text[], $3::json[]) with ordinality as given (key, fingerprint, answer, nth)
     order by key, nth on conflict do nothing returning key`,
    [
      claims.map(({ key }) => key),
      claims.map(({ fingerprint }) => fingerprint),
      claims.map(({ answer }) => JSON.stringify(answer)),
    ],
  );
  const [, claimed] = await allEnded([briefly, claiming]);
  const free = new Set(claimed.map(({ key }) => key));
  // Of two in one transaction the first has it, and the row is its own.
  return claims.map(({ key }) => free.delete(key));
}

async function claimKey(tx: Transaction, repeatable: Repeatable, answer: PlacedOrder) {
  if (await askTogether(tx, claimAll, { ...repeatable, answer })) return undefined;
  const [earlier] = await tx.select().from(idempotencyKeys).where(eq(idempotencyKeys.key, repeatable.key));
  if (earlier?.fingerprint !== repeatable.fingerprint) {
    throw new OrderError("key-reused", "This Idempotency-Key came with another body before");
  }
  return earlier.answer;
}
