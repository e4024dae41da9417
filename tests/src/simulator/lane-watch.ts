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

const touching = ["log_claim_cursor", "log_move_cursor", "log_renew_cursor"];

/** Tells the journal of two relays in one lane, by what they ask of the database and what they send. */
export function watchLanes({ rivals }: Journal, { schema, lanes, leaseMs, now }: Surroundings) {
  const holders = new Map<unknown, Holder>();
  /** By relay and lane. */
  const sureUntil = new WeakMap<object, Map<unknown, number>>();

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
      if (name === "log_claim_cursor" && isGranted(rows)) onClaim(tx, lane, String(given));
      if ((name === "log_move_cursor" || name === "log_renew_cursor") && rows.length > 0) {
        const isFenced = given === cursor?.epoch;
        if (!isFenced) rivals.push(`lane ${lane}: ${name} of epoch ${given} while ${cursor?.epoch} held it`);
        holders.get(lane)?.touches.push({ tx, at: now() });
      }
    },
    /** A relay is told that it has a lane from now on; one that is told otherwise has it no longer than it knew before. */
    onAnswer({ name, values: [, , lane], rows }: Seen, actor: object | undefined): void {
      if (actor === undefined || !isGranted(rows) || !touching.includes(`${name}`)) return;
      const own = sureUntil.get(actor) ?? new Map<unknown, number>();
      sureUntil.set(actor, own.set(lane, now() + leaseMs));
    },
    /** Who begins to publish has been told so within the lease. What is in hand then may go out later. */
    onPublishing(keys: readonly string[], actor: object): void {
      const own = sureUntil.get(actor);
      const stray = keys.filter((key) => now() > (own?.get(slotOf(key) % lanes) ?? 0));
      rivals.push(...stray.map((key) => `${key} was published by a relay that did not know whether it had the lane`));
    },
  };
}

/** A claim of what somebody else holds has a row without a position. */
function isGranted([row]: Seen["rows"]): boolean {
  return row !== undefined && (row as { readonly position?: number | null }).position !== null;
}
