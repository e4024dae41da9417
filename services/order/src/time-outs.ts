import type { Database } from "@throughline/log";
import { expireOrders } from "./use-cases.ts";

export type TimeOutOptions = {
  /** How long an order may take to end, in milliseconds. */
  readonly orderTimeoutMs: number;
  /** Told of a look that failed; the next one is a second later. */
  readonly onError: (error: unknown) => void;
};

/**
 * Cancels the orders that have not ended in time. Looks once a second; any number of processes may look. Disposing it
 * finishes the page in hand.
 */
export function startTimeOuts(database: Database, { orderTimeoutMs, onError }: TimeOutOptions): AsyncDisposable {
  const stop = new AbortController();
  let looking: Promise<void> | undefined;
  const timer = setInterval(() => {
    looking ??= look()
      .catch(onError)
      .finally(() => {
        looking = undefined;
      });
  }, 1_000);

  async function look(): Promise<void> {
    await expireOrders(database, new Date(Date.now() - orderTimeoutMs), { stopping: stop.signal });
  }
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      stop.abort();
      await looking;
    },
  };
}
