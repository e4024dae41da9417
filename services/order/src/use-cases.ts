import { currentCause, newId } from "@throughline/envelope";
import { decide } from "@throughline/event-store";
import { allEnded, askTogether, type Database, query, shareTransactions, type Transaction } from "@throughline/log";
import { enqueue } from "@throughline/outbox";
import { and, eq, gt, lt } from "drizzle-orm";
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

/**
 * Cancels the orders that were placed before `before` and have not ended, a hundred at a time. One that cannot be cancelled
 * stops no other: what failed is thrown once all have been tried. Returns how many it cancelled. Once `stopping` is aborted,
 * the hundred in hand are the last.
 */
export async function expireOrders(
  database: Database,
  before: Date,
  { stopping }: { readonly stopping?: AbortSignal } = {},
): Promise<number> {
  const inSharedTransaction = shareTransactions(database, { batchSize: pageSize });
  const failures: Error[] = [];
  let expired = 0;

  async function expire(orderId: string): Promise<void> {
    try {
      const events = await inSharedTransaction((tx) => change(tx, orderId, { type: "expire" }));
      expired += events.length;
    } catch (cause) {
      failures.push(new Error(`Order ${orderId} could not be cancelled in time`, { cause }));
    }
  }

  for await (const orderIds of overdueOrders(database, before)) {
    await Promise.all(orderIds.map(expire));
    if (stopping?.aborted) break;
  }
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1)
    throw new AggregateError(failures, `${failures.length} orders could not be cancelled in time`);
  return expired;
}

const pageSize = 100;

/** Not locked here: whoever changes an order locks its stream first and its row in the view last, and so does the time-out. */
async function* overdueOrders(database: Database, before: Date): AsyncGenerator<readonly string[]> {
  let after: string | undefined = "";
  while (after !== undefined) {
    const overdue: { readonly orderId: string }[] = await database
      .select({ orderId: orderViews.orderId })
      .from(orderViews)
      .where(and(eq(orderViews.status, "placed"), lt(orderViews.placedAt, before), gt(orderViews.orderId, after)))
      .orderBy(orderViews.orderId)
      .limit(pageSize);
    yield overdue.map(({ orderId }) => orderId);
    after = overdue.length < pageSize ? undefined : overdue.at(-1)?.orderId;
  }
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
