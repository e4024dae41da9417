import { settle } from "./actions.ts";
import type { Act, Desk } from "./desk.ts";
import { lockLetter } from "./letter.ts";
import { letKeyGo } from "./parked.ts";

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
