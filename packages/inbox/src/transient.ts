import { setTimeout as delay } from "node:timers/promises";
import { RejectedError } from "@throughline/envelope";
import { type Database, query } from "@throughline/log";

export type Patience = {
  /** Which errors to wait out. */
  readonly waitsOut: (error: unknown) => boolean;
  /** When, as `Date.now()` counts, the last error is final. */
  readonly until: number;
  /** Ends the waiting at once. */
  readonly signal?: AbortSignal;
};

/** Tries again, with growing pauses. Safe for whatever the inbox commits, also where a commit's fate is unknown. */
export async function retry<Result>(
  work: () => Promise<Result>,
  { waitsOut, until, signal }: Patience,
): Promise<Result> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!waitsOut(error) || signal?.aborted || Date.now() >= until) throw error;
      await delay(Math.min(10 * 2 ** attempt, 1_000) * (0.5 + Math.random() / 2));
    }
  }
}

/**
 * Does the work again after a time in which the database was not to be had, or had no room, however long it was: that is
 * no message's fault, and costs no attempt. Others whom the work calls fail alike, so the database is asked whether it was
 * it.
 */
export async function throughOutages<Result>(
  database: Database,
  work: () => Promise<Result>,
  { signal, waitsForRoom = true }: { readonly signal: AbortSignal; readonly waitsForRoom?: boolean },
): Promise<Result> {
  // What only reads refuses the lock.
  const ask = () => query(database, "inbox-ask", "select from inbox_parked_keys where false for key share");
  // With a full disk it answers, and has room for less than the work needs: only the work itself can tell.
  const waitsOut = (error: unknown) => waitsForRoom && isFull(error);
  const workOnceThereIsRoom = () => retry(work, { waitsOut, until: Number.POSITIVE_INFINITY, signal });
  for (;;) {
    try {
      return await workOnceThereIsRoom();
    } catch (error) {
      const isAway = isOutage(error) && !signal.aborted && (await ask().then(() => false, isOutage));
      if (!isAway) throw error;
      await retry(ask, { waitsOut: isOutage, until: Number.POSITIVE_INFINITY, signal });
    }
  }
}

/** The database refused for reasons that lie in no message: it is not to be had, or others were in the way. */
export function isTransient(error: unknown): boolean {
  return isOutage(error) || matches(error, conflictCodes);
}

/** Others held what was asked for, for longer than it was to be waited for. */
export function isLocked(error: unknown): boolean {
  return matches(error, /^55P03$/);
}

/** The database's disk is full. */
export function isFull(error: unknown): boolean {
  return matches(error, /^53100$/);
}

/** The database is not to be had at the moment. */
export function isOutage(error: unknown): boolean {
  return matches(error, outageCodes, outageMessages);
}

// Serialization failure, deadlock.
const conflictCodes = /^(40001|40P01)$/;
// Of Postgres: shutting down, crashed, starting, only reading; without disk, memory or connections to give; class 08 is the
// connection. Of a place of bodies: EBUSY. The rest is the network's. `http-errors.ts` of `service` has the same.
const outageCodes =
  /^(57P01|57P02|57P03|25006|53[123]00|08...|EBUSY|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;
// The driver has no codes for these.
const outageMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|Client (was closed|has encountered a connection error))/;

function matches(error: unknown, codes: RegExp, messages?: RegExp): boolean {
  if (!(error instanceof Error) || error instanceof RejectedError) return false;
  if ("code" in error && codes.test(String(error.code))) return true;
  return messages?.test(error.message) || matches(error.cause, codes, messages);
}
