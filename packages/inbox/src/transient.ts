import { setTimeout as delay } from "node:timers/promises";
import { RejectedError } from "@throughline/envelope";

export type Patience = {
  /** When, as `Date.now()` counts, the last error is final. */
  readonly until: number;
  /** Ends the waiting at once. */
  readonly signal?: AbortSignal;
};

/**
 * Tries again while the database refuses for reasons that lie in no message: a deadlock, a serialization failure, a
 * connection lost or not to be had. Safe also where the fate of the commit is unknown, since the inbox then knows it.
 */
export async function retryTransient<Result>(
  work: () => Promise<Result>,
  { until, signal }: Patience,
): Promise<Result> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isTransient(error) || signal?.aborted || Date.now() >= until) throw error;
      await delay(Math.min(10 * 2 ** attempt, 1_000) * (0.5 + Math.random() / 2));
    }
  }
}

// Serialization failure, deadlock, server shutting down or starting, too many connections; class 08 is the connection.
const transientCodes = /^(40001|40P01|57P01|57P02|57P03|53300|08...|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT)$/;
// The driver has no codes for these.
const transientMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|Client (was closed|has encountered a connection error))/;

function isTransient(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof RejectedError) return false;
  if ("code" in error && transientCodes.test(String(error.code))) return true;
  return transientMessages.test(error.message) || isTransient(error.cause);
}
