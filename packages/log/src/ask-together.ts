import { setImmediate } from "node:timers/promises";
import { confine, lastOf } from "./confine.ts";
import type { Transaction } from "./database.ts";

/** One statement for all items; its results are in their order. */
export type Ask<Item, Result> = (tx: Transaction, items: readonly Item[]) => Promise<readonly Result[]>;

type Waiting = { readonly item: unknown; readonly answered: PromiseWithResolvers<unknown> };

const waiting = new WeakMap<Transaction, Map<unknown, Waiting[]>>();

/**
 * Asks for one item together with all others that this transaction is asked for in the same turn of the event loop:
 * twenty entities that are loaded side by side cost one round trip, and each a quarter of what it costs alone. What is
 * awaited one after the other is asked one by one. Where the statement fails, everybody who asked is told; and it fails
 * where the transaction, or its savepoint, has ended in the meantime, because something else that ran beside it failed.
 */
export function askTogether<Item, Result>(tx: Transaction, ask: Ask<Item, Result>, item: Item): Promise<Result> {
  confine(tx);
  const answered = Promise.withResolvers<Result>();
  const byAsk = waiting.get(tx) ?? new Map<unknown, Waiting[]>();
  waiting.set(tx, byAsk);
  const group = byAsk.get(ask) ?? [];
  byAsk.set(ask, group);
  group.push({ item, answered: answered as PromiseWithResolvers<unknown> });
  if (group.length === 1) void askSoon(tx, ask as Ask<unknown, unknown>, byAsk);
  return answered.promise;
}

/**
 * Asks for all items of a transaction, or of a savepoint, in one statement that goes out with its COMMIT, and costs no round
 * trip where the pool has `pipeline: true`; what it locks stays locked no longer than it must. Nobody is told the results.
 * Where Postgres refuses it, the COMMIT fails. `ask` sends its statements at once when it is called, or it would be too
 * late. What is asked beside somebody's open savepoint is undone with that: such work makes none.
 */
export function askLast<Item>(tx: Transaction, ask: Ask<Item, unknown>, item: Item): void {
  const last = lastOf(tx);
  const same = last.find((each) => each.ask === ask);
  if (same === undefined) last.push({ tx, ask: ask as Ask<unknown, unknown>, items: [item] });
  else same.items.push(item);
}

async function askSoon(tx: Transaction, ask: Ask<unknown, unknown>, byAsk: Map<unknown, Waiting[]>): Promise<void> {
  await setImmediate();
  const group = byAsk.get(ask) ?? [];
  byAsk.delete(ask);
  try {
    const results = await ask(
      tx,
      group.map(({ item }) => item),
    );
    for (const [index, { answered }] of group.entries()) answered.resolve(results[index]);
  } catch (error) {
    for (const { answered } of group) answered.reject(error);
  }
}
