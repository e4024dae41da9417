import { stockRejected, stockReleased, stockReserved } from "@throughline/contracts";
import { decide } from "@throughline/event-store";
import { allEnded, placeholdersOf, prepared, query, type Transaction } from "@throughline/log";
import { enqueue } from "@throughline/outbox";
import { eq, sql } from "drizzle-orm";
import { type ReservedItem, reservations } from "./schema.ts";
import { type Stock, type StockCommand, StockError, stocks } from "./stock.ts";
import { saveStockView } from "./views.ts";

/** Sets what is in the house. Throws a `StockError` where open orders hold more than that. */
export async function countStock(tx: Transaction, sku: string, onHand: number): Promise<Stock> {
  return await change(tx, sku, { type: "count", onHand });
}

/** Reserves every item of an order or none, and tells which. An order that was cancelled before reserves nothing. */
export async function reserveStock(tx: Transaction, orderId: string, wanted: readonly ReservedItem[]): Promise<void> {
  const items = inLockOrder(wanted);
  const [, [isNew]] = await allEnded([takeTurn(tx), insertNew(tx, { orderId, status: "reserved", items })]);
  if (!isNew) return;
  try {
    // A savepoint: when one item is sold out, the items before it are given back with it.
    await tx.transaction(async (savepoint) => {
      await changeAll(savepoint, items, ({ quantity }) => ({ type: "reserve", orderId, quantity }));
    });
    await enqueue(tx, "inventory-service", [stockReserved.message(orderId, { orderId, items })]);
  } catch (error) {
    if (!(error instanceof StockError)) throw error;
    await setStatus(tx, orderId, "rejected");
    await enqueue(tx, "inventory-service", [stockRejected.message(orderId, { orderId, reason: error.message })]);
  }
}

/** The order was cancelled: gives back what it holds, or sees to it that it will hold nothing. */
export async function releaseStock(tx: Transaction, orderId: string): Promise<void> {
  await allEnded([takeTurn(tx), insertNew(tx, { orderId, status: "void", items: [] })]);
  const reservation = await lockReservation(tx, orderId);
  if (reservation?.status !== "reserved") return;
  await changeAll(tx, reservation.items, () => ({ type: "release", orderId }));
  await setStatus(tx, orderId, "released");
  const { items } = reservation;
  await enqueue(tx, "inventory-service", [stockReleased.message(orderId, { orderId, items: [...items] })]);
}

/** The order is completed: what it holds leaves the house. Throws, to be tried again, where it holds nothing yet. */
export async function shipStock(tx: Transaction, orderId: string): Promise<void> {
  const [, reservation] = await allEnded([takeTurn(tx), lockReservation(tx, orderId)]);
  if (reservation?.status === "shipped") return;
  if (reservation?.status !== "reserved") {
    throw new Error(`Order ${orderId} is completed and its stock is ${reservation?.status ?? "unknown"}`);
  }
  await changeAll(tx, reservation.items, () => ({ type: "ship", orderId }));
  await setStatus(tx, orderId, "shipped");
}

/** Side by side, which costs what one costs: the event store locks them in one order. */
async function changeAll(
  tx: Transaction,
  items: readonly ReservedItem[],
  command: (item: ReservedItem) => StockCommand,
): Promise<void> {
  await allEnded(items.map((item) => change(tx, item.sku, command(item))));
}

async function change(tx: Transaction, sku: string, command: StockCommand): Promise<Stock> {
  const { state: stock, events } = await decide(tx, stocks, sku, command);
  await saveStockView(tx, sku, stock, events);
  return stock;
}

/**
 * Messages that commit together lock the SKUs of one order after those of another, so batches of two processes would
 * deadlock: the later one waits here. Asked together with what follows, it costs no round trip.
 */
function takeTurn(tx: Transaction): Promise<unknown> {
  const turn = turns.get(tx) ?? query(tx, "take-turn", takeTurnText);
  turns.set(tx, turn);
  return turn;
}

const turns = new WeakMap<Transaction, Promise<unknown>>();
const takeTurnText = "select pg_advisory_xact_lock(hashtextextended('throughline.stock', 0))";

/** One line per SKU, and every order takes the SKUs in the same order, so that no two deadlock. */
function inLockOrder(items: readonly ReservedItem[]): ReservedItem[] {
  const quantities = new Map<string, number>();
  for (const { sku, quantity } of items) quantities.set(sku, (quantities.get(sku) ?? 0) + quantity);
  return [...quantities].map(([sku, quantity]) => ({ sku, quantity })).sort((a, b) => (a.sku < b.sku ? -1 : 1));
}

async function lockReservation(tx: Transaction, orderId: string) {
  const [reservation] = await tx.select().from(reservations).where(eq(reservations.orderId, orderId)).for("update");
  return reservation;
}

async function setStatus(tx: Transaction, orderId: string, status: "rejected" | "released" | "shipped") {
  await updateStatus(tx, { orderId, status });
}

const { orderId, status, items } = placeholdersOf(reservations);

/** Returns no row where the order is known already. */
const insertNew = prepared<typeof reservations.$inferInsert, { readonly order_id: string }>(
  "insert-reservation",
  (database) =>
    database
      .insert(reservations)
      .values({ orderId, status, items })
      .onConflictDoNothing()
      .returning({ orderId: reservations.orderId }),
);

const updateStatus = prepared<Pick<typeof reservations.$inferInsert, "orderId" | "status">>("set-status", (database) =>
  database
    .update(reservations)
    .set({ status: sql`${status}`, updatedAt: sql`now()` })
    .where(eq(reservations.orderId, orderId)),
);
