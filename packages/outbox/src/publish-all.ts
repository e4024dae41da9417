import type { Envelope } from "@throughline/envelope";
import type { Outcome } from "./destination.ts";
import type { Lane } from "./lane.ts";
import type { Lease } from "./lease.ts";
import { backOffMs, pause } from "./pause.ts";
import { type Row, toEnvelope } from "./rows.ts";

/** Tries before the part of a broker that does not answer is told from a broker that does not answer. */
const patience = 4;

/**
 * Publishes until the broker has each message or has refused it, however long it is unavailable. Returns what stays
 * behind, by id, for parking: refused messages, those of the same keys that did not go out after them, and those that
 * fail again and again while the broker took others. `undefined` where the relay stopped first.
 */
export async function publishAll(
  lane: Pick<Lane, "destination" | "stopping" | "onError">,
  lease: Lease,
  rows: readonly Row[],
): Promise<ReadonlyMap<string, Error> | undefined> {
  const staying = new Map<string, Error>();
  let pending: readonly Envelope[] = rows.map(toEnvelope);
  let isAvailable = false;
  for (let attempt = 1; pending.length > 0; attempt++) {
    await lease.confirm();
    const outcome = await lane.destination.publish(pending);
    const { refused, unknown } = outcome;
    if (refused.size + unknown.size === 0) break;
    tellFailures(lane, outcome);
    isAvailable ||= refused.size > 0 || unknown.size < pending.length;
    const isGivenUp = isAvailable && attempt >= patience;
    const stopped = new Set(pending.filter(({ id }) => isGivenUp || refused.has(id)).map(({ key }) => key));
    const lacking = pending.filter(({ id }) => refused.has(id) || unknown.has(id));
    for (const { id, key } of lacking) {
      const error = refused.get(id) ?? unknown.get(id);
      if (error && stopped.has(key)) staying.set(id, error);
    }
    pending = lacking.filter(({ key }) => !stopped.has(key));
    if (pending.length > 0) await pause(backOffMs(attempt, 100, 5_000), lane.stopping);
    if (pending.length > 0 && lane.stopping.aborted) return undefined;
  }
  return staying;
}

function tellFailures({ destination, onError }: Pick<Lane, "destination" | "onError">, outcome: Outcome): void {
  for (const [id, cause] of outcome.refused) onError(new Error(`${destination.name} refused ${id}`, { cause }));
  const [first] = outcome.unknown.values();
  if (first) onError(new Error(`${destination.name} may lack ${outcome.unknown.size} messages`, { cause: first }));
}
