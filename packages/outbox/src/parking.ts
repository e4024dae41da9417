import type { Envelope } from "@throughline/envelope";
import type { Outcome } from "./destination.ts";
import { judge, type ParkingPolicy, withJitter } from "./judge.ts";
import type { Lane } from "./lane.ts";
import type { Lease } from "./lease.ts";
import { applyVerdict, type DueKeys, parkRows, readDue, readNextDueMs, readParkedKeys } from "./parked-rows.ts";
import { type Row, toEnvelope } from "./rows.ts";
import { waits } from "./trace.ts";

/** The keys of one lane whose next message was refused. Their messages wait in a table of their own, the lane goes on. */
export type Parking = {
  readonly keys: ReadonlySet<string>;
  isDue(): boolean;
  dueInMs(): number;
  /** Sets messages aside and moves the cursor past them, both or neither. */
  park(lease: Lease, rows: readonly Row[], errors: ReadonlyMap<string, Error>, upTo: number): Promise<void>;
  /** Publishes what is due, each key from its first message on; a key whose messages are all out is parked no more. */
  retry(lease: Lease): Promise<void>;
};

/** How often, in milliseconds, a lane looks whether a person has released a key; and how long it sleeps without any. */
const lookMs = 1_000;
const sleepMs = 60_000;

export type ParkingLane = Pick<Lane, "database" | "destination" | "number" | "lanes" | "onError"> & {
  readonly policy: ParkingPolicy;
};

export async function openParking(lane: ParkingLane): Promise<Parking> {
  const { database, destination, policy, lanes, number } = lane;
  const share = { destination: destination.name, lanes, number };
  const keys = new Set(await readParkedKeys(database, share));
  /** When the first message of a key was refused last, as far as this process has seen it. */
  const refusedAt = new Map<string, number>();
  let dueAt = keys.size > 0 ? performance.now() : Number.POSITIVE_INFINITY;

  async function lookAhead(): Promise<void> {
    const waitMs = keys.size === 0 ? Number.POSITIVE_INFINITY : Math.min(lookMs, await readNextDueMs(database, share));
    dueAt = performance.now() + waitMs;
  }

  return {
    keys,
    isDue: () => performance.now() >= dueAt,
    dueInMs: () => Math.min(sleepMs, Math.max(0, dueAt - performance.now())),
    async park(lease, rows, errors, upTo) {
      const positions = rows.map(({ position }) => position);
      const reasons = { errors: firstErrors(rows, errors), retryMs: withJitter(policy.retryMs) };
      await database.transaction(async (tx) => {
        await parkRows(tx, destination.name, positions, reasons);
        await lease.move(tx, upTo);
      });
      for (const { key } of rows) keys.add(key);
      for (const key of reasons.errors.keys()) refusedAt.set(key, Date.now());
      await lookAhead();
    },
    async retry(lease) {
      const due = await readDue(database, share);
      if (due.keys.length > 0) {
        const outcome = await publishAgain(lane, lease, toEnvelopes(due, refusedAt));
        for (const { id, key } of due.rows) if (outcome.refused.has(id)) refusedAt.set(key, Date.now());
        const verdict = judge(due, outcome, policy);
        const released = await database.transaction(async (tx) => {
          const empty = await applyVerdict(tx, destination.name, verdict);
          await lease.move(tx, lease.position);
          return empty;
        });
        for (const key of released) {
          keys.delete(key);
          refusedAt.delete(key);
        }
      }
      await lookAhead();
    },
  };
}

/** Who was refused before has waited since then; all others, behind it, since they were written. */
function toEnvelopes({ keys, rows }: DueKeys, refusedAt: ReadonlyMap<string, number>): Envelope[] {
  const refused = new Set(keys.filter(({ tries }) => tries > 0).map(({ key }) => key));
  return rows.map((row) => {
    const envelope = toEnvelope(row);
    // Only the first of a key can have been.
    if (refused.delete(row.key)) waits.set(envelope, { where: "retry", since: refusedAt.get(row.key) ?? Number.NaN });
    else waits.set(envelope, { where: "parked", since: Date.parse(row.timestamp) });
    return envelope;
  });
}

async function publishAgain(
  { destination, onError }: ParkingLane,
  lease: Lease,
  envelopes: readonly Envelope[],
): Promise<Outcome> {
  if (envelopes.length === 0) return { refused: new Map(), unknown: new Map() };
  await lease.confirm();
  const outcome = await destination.publish(envelopes);
  for (const [id, cause] of outcome.refused) onError(new Error(`${destination.name} refused ${id} again`, { cause }));
  const [first] = outcome.unknown.values();
  if (first)
    onError(new Error(`${destination.name} may lack ${outcome.unknown.size} parked messages`, { cause: first }));
  return outcome;
}

/** With what each key failed; a key whose rows only wait behind an earlier one has no error here. */
function firstErrors(rows: readonly Row[], errors: ReadonlyMap<string, Error>): ReadonlyMap<string, string> {
  const byKey = new Map<string, string>();
  for (const { id, key } of rows) {
    const error = errors.get(id);
    if (error && !byKey.has(key)) byKey.set(key, error.message);
  }
  return byKey;
}
