import { settle } from "./actions.ts";
import { type Chosen, type NotDone, notDone } from "./choose.ts";
import type { Act, Desk } from "./desk.ts";
import { lockLetter } from "./letter.ts";
import { letKeyGo } from "./parked.ts";

/** What came of it; `left` were not reached, because a person stopped it. */
export type Discarded = {
  readonly discarded: number;
  /** Somebody had settled them already. */
  readonly settled: number;
  readonly failed: readonly NotDone[];
  readonly left: number;
};

/** Gives letters up one by one. Each is its own transaction, so that stopping anywhere leaves nothing half done. */
export async function discardMany(
  all: readonly Chosen[],
  { signal, ...act }: Act & { readonly reason: string; readonly signal?: AbortSignal },
): Promise<Discarded> {
  const counts = { discarded: 0, settled: 0 };
  const failed: NotDone[] = [];
  for (const [index, { desk, number }] of all.entries()) {
    if (signal?.aborted) return { ...counts, failed, left: all.length - index };
    try {
      counts[(await discardLetter(desk, number, act)) ? "discarded" : "settled"] += 1;
    } catch (error) {
      failed.push(notDone({ desk, number }, error));
    }
  }
  return { ...counts, failed, left: 0 };
}

/** Gives a letter up, for a reason; what waits behind it goes on. False where it is settled already. */
export function discardLetter(
  { database }: Desk,
  number: number,
  act: Act & { readonly reason: string },
): Promise<boolean> {
  return database.transaction(async (tx) => {
    const letter = await lockLetter(tx, number, ["open", "quarantined"]);
    if (letter === undefined) return false;
    await letKeyGo(tx, letter);
    await settle(tx, number, "discarded", act);
    return true;
  });
}
