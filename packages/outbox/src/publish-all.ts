import type { Envelope } from "@throughline/envelope";
import type { Lane } from "./lane.ts";
import type { Lease } from "./lease.ts";
import { backOffMs, pause } from "./pause.ts";
import { type Row, toEnvelope } from "./rows.ts";

/**
 * Publishes until the broker has each message or has refused it, however long it is unavailable. Returns what stays
 * behind, by id: refused messages, and those of the same keys that did not go out after them. `undefined` where the
 * relay stopped first.
 */
export async function publishAll(
  lane: Pick<Lane, "destination" | "stopping" | "onError">,
  lease: Lease,
  rows: readonly Row[],
): Promise<ReadonlyMap<string, Error> | undefined> {
  const staying = new Map<string, Error>();
  let pending: readonly Envelope[] = rows.map(toEnvelope);
  for (let attempt = 1; pending.length > 0; attempt++) {
    await lease.confirm();
    const { refused, unknown } = await lane.destination.publish(pending);
    const stopped = new Set(pending.filter(({ id }) => refused.has(id)).map(({ key }) => key));
    const lacking: Envelope[] = [];
    for (const envelope of refused.size + unknown.size === 0 ? [] : pending) {
      const error = refused.get(envelope.id) ?? unknown.get(envelope.id);
      if (error === undefined) continue;
      if (stopped.has(envelope.key)) staying.set(envelope.id, error);
      else lacking.push(envelope);
    }
    pending = lacking;
    tellFailures(lane, refused, unknown);
    if (pending.length === 0) break;
    await pause(backOffMs(attempt, 100, 5_000), lane.stopping);
    if (lane.stopping.aborted) return undefined;
  }
  return staying;
}

function tellFailures(
  { destination, onError }: Pick<Lane, "destination" | "onError">,
  refused: ReadonlyMap<string, Error>,
  unknown: ReadonlyMap<string, Error>,
): void {
  for (const [id, cause] of refused) onError(new Error(`${destination.name} refused ${id}`, { cause }));
  const [first] = unknown.values();
  if (first) onError(new Error(`${destination.name} may lack ${unknown.size} messages`, { cause: first }));
}
