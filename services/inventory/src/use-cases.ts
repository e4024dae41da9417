import { stockRejected, stockReleased, stockReserved } from "@throughline/contracts";
import { decideAll } from "@throughline/event-store";
import { allEnded, query, type Transaction } from "@throughline/log";
import { enqueue } from "@throughline/outbox";
import { addReservation, lockReservation, setStatus } from "./reservations.ts";
import type { ReservedItem } from "./schema.ts";
import { type StockCommand, StockError, stocks } from "./stock.ts";
import { saveStockView } from "./views.ts";

/** Sets what is in the house. Throws a `StockError` where open orders hold more than that. */
export async function countStock(tx: Transaction, sku: string, onHand: number): Promise<void> {
  await changeAll(tx, [{ sku }], () => ({ type: "count", onHand }));
}

/** Reserves every item of an order or none, and tells which. An order that was cancelled before reserves nothing. */
export async function reserveStock(tx: Transaction, orderId: string, wanted: readonly ReservedItem[]): Promise<void> {
  const items = oneOfEach(wanted);
  const [, isNew] = await allEnded([takeTurn(tx), addReservation(tx, { orderId, status: "reserved", items })]);
  if (!isNew) return;
  try {
    await changeAll(tx, items, ({ quantity }) => ({ type: "reserve", orderId, quantity }));
    await enqueue(tx, "inventory-service", [stockReserved.message(orderId, { orderId, items })]);
  } catch (error) {
    if (!(error instanceof StockError)) throw error;
    await setStatus(tx, orderId, "rejected");
    await enqueue(tx, "inventory-service", [stockRejected.message(orderId, { orderId, reason: error.message })]);
  }
}

/** The order was cancelled: gives back what it holds, or sees to it that it will hold nothing. */
export async function releaseStock(tx: Transaction, orderId: string): Promise<void> {
  await allEnded([takeTurn(tx), addReservation(tx, { orderId, status: "void", items: [] })]);
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

/**
 * All of them change, or none. The views are saved before anybody else goes on: of orders side by side, the one that was
 * decided last has the last word on a SKU.
 */
async function changeAll<Item extends Pick<ReservedItem, "sku">>(
  tx: Transaction,
  items: readonly Item[],
  toCommand: (item: Item) => StockCommand,
): Promise<void> {
  const commands = items.map((item) => ({ id: item.sku, command: toCommand(item) }));
  const decisions = await decideAll(tx, stocks, commands);
  await allEnded(decisions.map(({ id: sku, state: stock, events }) => saveStockView(tx, sku, stock, events)));
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

/** One line per SKU, whatever the order repeats. */
function oneOfEach(items: readonly ReservedItem[]): ReservedItem[] {
  const quantities = new Map<string, number>();
  for (const { sku, quantity } of items) quantities.set(sku, (quantities.get(sku) ?? 0) + quantity);
  return [...quantities].map(([sku, quantity]) => ({ sku, quantity })).sort((a, b) => (a.sku < b.sku ? -1 : 1));
}
