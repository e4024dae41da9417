import { setTimeout as delay } from "node:timers/promises";
import { AwayError } from "./away-error.ts";

/** Disposing it ends the attempts, and closes what was opened, or still is by an attempt that hangs: nobody waits for that. */
export type PersistentOpening = AsyncDisposable & {
  /** Why it is not open yet; absent once it is. */
  readonly waitsFor?: string | undefined;
};

const longestPauseMs = 5_000;
const endWithinMs = 1_000;

/**
 * Opens what needs a broker. Resolves once it is open, or the broker is known to be away: then `onAway` is told, once, and
 * it is opened when the broker comes. Rejects with any other error; one that comes later nobody catches, so that the
 * process ends by it, as it would have done at the start.
 */
export async function openPersistently(
  open: () => Promise<AsyncDisposable>,
  onAway: (error: AwayError) => void,
): Promise<PersistentOpening> {
  const stopping = new AbortController();
  let opened: AsyncDisposable | undefined;
  let away: AwayError | undefined;

  await attempt();
  if (away) onAway(away);
  const trying = keepTrying();
  return {
    get waitsFor() {
      return away?.message;
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, endWithinMs);
      await Promise.race([trying, late.promise]);
      clearTimeout(timer);
      await opened?.[Symbol.asyncDispose]();
    },
  };

  async function keepTrying(): Promise<void> {
    for (let pauseMs = 500; away !== undefined; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      await attempt();
    }
  }

  async function attempt(): Promise<void> {
    try {
      const late = await open();
      if (stopping.signal.aborted) return await late[Symbol.asyncDispose]();
      opened = late;
      away = undefined;
    } catch (error) {
      if (!(error instanceof AwayError)) throw error;
      away = error;
    }
  }
}
