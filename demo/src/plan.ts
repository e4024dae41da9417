import type { Purchase } from "./purchases.ts";

/** How an order is meant to end. One that is cancelled on request may have been completed before the request came. */
export type Ending = "completed" | "declined" | "sold out" | "cancelled on request";

export type Item = { readonly sku: string; readonly quantity: number; readonly amountInCents: number };

export type PlannedOrder = {
  readonly idempotencyKey: string;
  /** The body of POST /orders. */
  readonly body: {
    readonly customerId: string;
    readonly currency: "USD";
    readonly express: boolean;
    readonly items: readonly Item[];
  };
  readonly totalInCents: number;
  readonly cds: number;
  readonly ending: Ending;
  /** Whether it is sent a second time under the same key: while the first is on its way, or after its answer. */
  readonly repeat?: "at the same time" | "afterwards";
};

export type Plan = {
  /** In front of every customer, SKU and key of this run, so that an audit sees this run and no other. */
  readonly runId: string;
  readonly orders: readonly PlannedOrder[];
  /** What is counted into the house before, by SKU: exactly what is going to be ordered, and nothing of the sold-out one. */
  readonly stock: ReadonlyMap<string, number>;
  /** Orders whose cents were changed to 13, and by how much the total grew by that. */
  readonly changed: { readonly orders: number; readonly byCents: number };
};

const skus = 48;

/**
 * One purchase is one order. Its place in the file alone decides its role, so that what must come out is known before
 * anything is sent. Plain orders have no role: each completes for exactly the amount of its line.
 */
export function planOrders(
  purchases: readonly Purchase[],
  { runId, isPlain }: { readonly runId: string; readonly isPlain: boolean },
): Plan {
  const orders = purchases.map((purchase, index) => planOrder(purchase, index, runId, isPlain));
  const stock = new Map(Array.from({ length: skus }, (_, number) => [skuOf(runId, number), 0]));
  const soldOut = soldOutSku(runId);
  for (const { sku, quantity } of orders.flatMap(({ body }) => body.items)) {
    stock.set(sku, sku === soldOut ? 0 : (stock.get(sku) ?? 0) + quantity);
  }
  const growth = orders.map(({ totalInCents }, index) => totalInCents - (purchases[index]?.amountInCents ?? 0));
  const changed = { orders: growth.filter((cents) => cents !== 0).length, byCents: sum(growth) };
  return { runId, orders, stock, changed };
}

function planOrder(purchase: Purchase, index: number, runId: string, isPlain: boolean): PlannedOrder {
  const ending = isPlain ? "completed" : endingOf(purchase, index);
  const totalInCents = ending === "declined" ? declinedAmount(purchase.amountInCents) : purchase.amountInCents;
  const repeat = index % 50 === 5 ? "at the same time" : "afterwards";
  return {
    idempotencyKey: `${runId}-${index + 1}`,
    body: {
      customerId: `${runId}-${purchase.customer}`,
      currency: "USD",
      express: index % 10 === 0,
      items: itemsOf(purchase.cds, totalInCents, skusOf(index, ending, runId)),
    },
    totalInCents,
    cds: purchase.cds,
    ending,
    ...(!isPlain && index % 25 === 5 && { repeat }),
  };
}

/** The payment provider declines what ends in 13 cents, be it by our doing or by the purchase's own price. */
function endingOf({ amountInCents }: Purchase, index: number): Ending {
  if (isDeclined(amountInCents)) return "declined";
  switch (index % 20) {
    case 7:
      return "sold out";
    case 13:
      return amountInCents === 0 ? "completed" : "declined";
    case 17:
      return "cancelled on request";
    default:
      return "completed";
  }
}

function isDeclined(amountInCents: number): boolean {
  return amountInCents % 100 === 13;
}

function declinedAmount(amountInCents: number): number {
  return amountInCents - (amountInCents % 100) + 13;
}

/** Every fourth order takes two SKUs; a sold-out one takes one that is there as well, which must then not be kept. */
function skusOf(index: number, ending: Ending, runId: string): readonly [string, string?] {
  const sku = skuOf(runId, index % skus);
  if (ending === "sold out") return [soldOutSku(runId), sku];
  return index % 4 === 1 ? [sku, skuOf(runId, (index * 7 + 1) % skus)] : [sku];
}

/** A single CD cannot be two SKUs. */
function itemsOf(cds: number, totalInCents: number, [first, second]: readonly [string, string?]): Item[] {
  if (second === undefined || second === first || cds === 1) {
    return [{ sku: first, quantity: cds, amountInCents: totalInCents }];
  }
  const [quantity, amountInCents] = [Math.floor(cds / 2), Math.floor(totalInCents / 2)];
  return [
    { sku: first, quantity, amountInCents },
    { sku: second, quantity: cds - quantity, amountInCents: totalInCents - amountInCents },
  ];
}

function skuOf(runId: string, number: number): string {
  return `${runId}-cd-${String(number).padStart(2, "0")}`;
}

function soldOutSku(runId: string): string {
  return `${runId}-sold-out`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
