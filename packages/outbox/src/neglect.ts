import type { Database } from "@throughline/log";
import { type DestinationState, readStates } from "./status.ts";

/** Longer than any outage that mends itself, in milliseconds: a day. */
const lateMs = 86_400_000;

/**
 * A sentence for each destination for which the outbox grows and grows: one that no relay has any more, and one that has
 * lacked a message for more than a day. `own` are those that this process is about to relay to.
 */
export async function findNeglected(database: Database, own: readonly string[]): Promise<string[]> {
  const states = await readStates(database);
  return states.flatMap((state) => {
    const { destination, waiting, oldestMs } = state;
    const what = `${waiting} messages wait for it, the oldest for ${Math.floor(oldestMs / 3_600_000)} hours`;
    if (isForgotten(state) && !own.includes(destination)) {
      return `No relay publishes to ${destination} any more: ${what}, and no partition of the outbox is dropped. Start a relay that has it, or let "npm run outbox -- forget --destination ${destination}" give them up`;
    }
    if (oldestMs <= lateMs) return [];
    return `Destination ${destination} is more than a day behind: ${what}, and no partition of the outbox is dropped before it has them. "npm run outbox -- status" tells more`;
  });
}

/** Whether nobody has it in hand although the outbox has gone on. */
export function isForgotten({ heldLanes, lag }: DestinationState): boolean {
  return heldLanes === 0 && lag > 0;
}
