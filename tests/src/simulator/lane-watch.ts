import type { Journal } from "./journal.ts";
import type { Transaction } from "./postgres/engine.ts";
import type { Seen } from "./postgres/pool.ts";
import { type Schema, slotOf } from "./postgres/schema.ts";

/** The relay that a lane was given to last. */
type Holder = { readonly owner: string; readonly touches: { readonly tx: Transaction; readonly at: number }[] };

type Surroundings = {
  readonly schema: Schema;
  readonly lanes: number;
  readonly leaseMs: number;
  readonly now: () => number;
};

/** Tells the journal of two relays in one lane, by what they ask of the database and what they send. */
export function watchLanes({ rivals }: Journal, { schema, lanes, leaseMs, now }: Surroundings) {
  const holders = new Map<unknown, Holder>();
  const succeeded = new WeakMap<object, Set<unknown>>();

  function onClaim(tx: Transaction, lane: unknown, owner: string): void {
    const holder = holders.get(lane);
    const touched = holder?.touches.findLast((touch) => touch.tx.state === "committed");
    const ageMs = now() - (touched?.at ?? 0);
    if (holder !== undefined && holder.owner !== owner && ageMs < leaseMs)
      rivals.push(`lane ${lane} was claimed ${ageMs.toFixed(1)} ms into a lease of ${leaseMs} ms`);
    holders.set(lane, { owner, touches: [{ tx, at: now() }] });
  }

  return {
    onDone({ name, values: [, reader, lane, given], rows }: Seen, tx: Transaction): void {
      const cursor = schema.cursors.get(tx, `${reader} ${lane}`);
      if (name === "log_reset_cursor") holders.clear();
      if (name === "log_release_cursor" && cursor?.owner === null) holders.delete(lane);
      if (name === "log_claim_cursor" && rows.length > 0) onClaim(tx, lane, String(given));
      if ((name === "log_move_cursor" || name === "log_renew_cursor") && rows.length > 0) {
        const isFenced = given === cursor?.epoch;
        if (!isFenced) rivals.push(`lane ${lane}: ${name} of epoch ${given} while ${cursor?.epoch} held it`);
        holders.get(lane)?.touches.push({ tx, at: now() });
      }
    },
    /** A relay learns that it has been succeeded. */
    onAnswer({ name, values: [, , lane], rows }: Seen, actor: object | undefined): void {
      if (actor === undefined) return;
      const lost = succeeded.get(actor) ?? new Set();
      succeeded.set(actor, lost);
      if (name === "log_claim_cursor" && rows.length > 0) lost.delete(lane);
      if (name === "log_move_cursor" && rows.length === 0) lost.add(lane);
    },
    /** Whoever has learned that sends nothing more before it claims again. */
    onSending(actor: object, keys: readonly string[]): void {
      const lost = succeeded.get(actor);
      if (lost === undefined || lost.size === 0) return;
      const sent = keys.filter((key) => lost.has(slotOf(key) % lanes));
      rivals.push(...sent.map((key) => `${key} was sent by a relay that knew of its successor`));
    },
  };
}
