import { getJson } from "../http.ts";

/** Money that the payment provider really moved. */
export type LedgerEntry = {
  readonly kind: "charge" | "refund";
  readonly reference: string;
  readonly orderId: string;
  readonly amountInCents: number;
};

export async function readLedger(paymentProvider: string, orderIds: ReadonlySet<string>): Promise<LedgerEntry[]> {
  const all = await getJson<readonly LedgerEntry[]>(`${paymentProvider}/ledger`);
  return all.filter(({ orderId }) => orderIds.has(orderId));
}

/** By order: what was charged less what was paid back, in cents. */
export function balances(ledger: readonly LedgerEntry[]): Map<string, number> {
  const balance = new Map<string, number>();
  for (const { kind, orderId, amountInCents } of ledger) {
    balance.set(orderId, (balance.get(orderId) ?? 0) + (kind === "charge" ? amountInCents : -amountInCents));
  }
  return balance;
}
