import type { RecordedEvent, View } from "@throughline/event-store";
import { type Database, saveLast, type Transaction } from "@throughline/log";
import { eq } from "drizzle-orm";
import { stockViews } from "./schema.ts";
import { reservedOf, type Stock, type StockEvent } from "./stock.ts";

export type StockView = {
  readonly sku: string;
  readonly onHand: number;
  readonly reserved: number;
  readonly available: number;
};

const save = saveLast(stockViews);

/** Sets the row to what the stock is now; saving the same state again changes nothing. */
export async function saveStockView(
  tx: Transaction,
  sku: string,
  stock: Stock,
  events: readonly RecordedEvent<StockEvent>[],
): Promise<void> {
  const updatedAt = events.at(-1)?.at;
  if (updatedAt) save(tx, { sku, onHand: stock.onHand, reserved: reservedOf(stock), updatedAt });
}

/** For `rebuildView`. */
export const stockView: View<StockEvent, Stock> = { table: "stock", save: saveStockView };

export async function findStock(database: Database, sku: string): Promise<StockView | undefined> {
  const [stock] = await database.select().from(stockViews).where(eq(stockViews.sku, sku));
  if (!stock) return undefined;
  const { onHand, reserved } = stock;
  return { sku, onHand, reserved, available: onHand - reserved };
}
