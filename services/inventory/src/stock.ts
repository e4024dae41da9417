import type { Decider } from "@throughline/event-store";

export type StockCommand =
  | { readonly type: "count"; readonly onHand: number }
  | { readonly type: "reserve"; readonly orderId: string; readonly quantity: number }
  | { readonly type: "release"; readonly orderId: string }
  | { readonly type: "ship"; readonly orderId: string };

export type StockEvent =
  | { readonly type: "counted"; readonly data: { readonly onHand: number } }
  | { readonly type: "reserved"; readonly data: { readonly orderId: string; readonly quantity: number } }
  | { readonly type: "released"; readonly data: { readonly orderId: string; readonly quantity: number } }
  | { readonly type: "shipped"; readonly data: { readonly orderId: string; readonly quantity: number } };

export type Stock = {
  /** Whether anybody ever counted it: none on hand is a count as well. */
  readonly isCounted: boolean;
  /** Pieces in the house, the reserved ones among them. */
  readonly onHand: number;
  /** Pieces that open orders hold, by order id. */
  readonly reservations: { readonly [orderId: string]: number };
};

/** There is not enough of it. Nothing has changed; the caller tells whoever asked. */
export class StockError extends Error {
  override readonly name = "StockError";
}

/** The rules of one SKU's stock: what is reserved is never promised again, and never more than is in the house. */
export const stocks: Decider<StockCommand, StockEvent, Stock> = {
  type: "stock",
  initialState: { isCounted: false, onHand: 0, reservations: {} },
  // A SKU's history never ends, so it is not read from the beginning each time.
  snapshotEvery: 50,

  decide(command, stock) {
    switch (command.type) {
      case "count": {
        const reserved = reservedOf(stock);
        if (command.onHand < reserved) {
          throw new StockError(`${command.onHand} pieces are fewer than the ${reserved} that open orders hold`);
        }
        return stock.isCounted && command.onHand === stock.onHand
          ? []
          : [{ type: "counted", data: { onHand: command.onHand } }];
      }
      case "reserve": {
        const { orderId, quantity } = command;
        if (quantityHeldBy(orderId, stock) !== undefined) return [];
        const available = stock.onHand - reservedOf(stock);
        if (quantity > available) throw new StockError(`${quantity} pieces are wanted and ${available} are available`);
        return [{ type: "reserved", data: { orderId, quantity } }];
      }
      case "release":
      case "ship": {
        const { orderId } = command;
        const quantity = quantityHeldBy(orderId, stock);
        if (quantity === undefined) return [];
        return [{ type: command.type === "ship" ? "shipped" : "released", data: { orderId, quantity } }];
      }
    }
  },

  evolve(stock, event) {
    if (event.type === "counted") return { ...stock, isCounted: true, onHand: event.data.onHand };
    const { orderId, quantity } = event.data;
    if (event.type === "reserved") {
      return { ...stock, reservations: { ...stock.reservations, [orderId]: quantity } };
    }
    const { [orderId]: _, ...reservations } = stock.reservations;
    return { ...stock, onHand: event.type === "shipped" ? stock.onHand - quantity : stock.onHand, reservations };
  },
};

/** An order may have any id, also that of a property which every object has. */
function quantityHeldBy(orderId: string, { reservations }: Stock): number | undefined {
  return Object.hasOwn(reservations, orderId) ? reservations[orderId] : undefined;
}

export function reservedOf(stock: Stock): number {
  return Object.values(stock.reservations).reduce((sum, quantity) => sum + quantity, 0);
}
