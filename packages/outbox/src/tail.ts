import { onHint } from "./hint.ts";
import { pause } from "./pause.ts";

/** The end of the outbox, watched once for all lanes of a relay. */
export type Tail = {
  /** Up to where the outbox could be read when it was last looked at. */
  readonly limit: number;
  /** Resolves when the outbox can be read beyond `position`, after `maxMs`, or when the relay stops. */
  beyond(position: number, maxMs: number): Promise<void>;
};

export type TailOptions = {
  /** The longest pause, in milliseconds, between two looks while nobody hints. */
  readonly idleMs: number;
  readonly stopping: AbortSignal;
  readonly onError: (error: Error) => void;
};

type Waiter = { readonly position: number; readonly wake: () => void };

/**
 * Looks only while a lane waits: every millisecond after a hint, since a commit follows, then ever more rarely. Returns
 * the tail and the promise of the watch, which ends when the relay stops.
 */
export function watchTail(
  readLimit: () => Promise<number>,
  { idleMs, stopping, onError }: TailOptions,
): { readonly tail: Tail; readonly watch: Promise<void> } {
  const waiters = new Set<Waiter>();
  let limit = 0;
  let hintedAt = Number.NEGATIVE_INFINITY;
  let stirred = new AbortController();
  const stir = () => stirred.abort();

  async function watch(): Promise<void> {
    using _ = onHint(() => {
      hintedAt = performance.now();
      stir();
    });
    stopping.addEventListener("abort", stir, { once: true });
    for (let pauseMs = 1; !stopping.aborted; ) {
      const woken = waiters.size > 0 && (await look());
      pauseMs = woken ? 1 : Math.min(pauseMs * 2, idleMs);
      stirred = new AbortController();
      if (stopping.aborted) break;
      await pause(waiters.size === 0 ? 60_000 : Math.min(pauseMs, hotPauseMs(hintedAt)), stirred.signal);
    }
    for (const { wake } of waiters) wake();
  }

  /** True where somebody was woken. */
  async function look(): Promise<boolean> {
    try {
      limit = await readLimit();
    } catch (error) {
      onError(new Error("The end of the outbox could not be read", { cause: error }));
      await pause(1_000, stopping);
    }
    const ready = [...waiters].filter(({ position }) => position < limit);
    for (const { wake } of ready) wake();
    return ready.length > 0;
  }

  async function beyond(position: number, maxMs: number): Promise<void> {
    if (position < limit || stopping.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { position, wake: resolve };
    const timer = setTimeout(resolve, maxMs);
    waiters.add(waiter);
    stir();
    await promise;
    clearTimeout(timer);
    waiters.delete(waiter);
  }

  const tail: Tail = {
    get limit() {
      return limit;
    },
    beyond,
  };
  return { tail, watch: watch() };
}

/** A hint comes before its commit, which is mostly a matter of milliseconds. */
function hotPauseMs(hintedAt: number): number {
  const ageMs = performance.now() - hintedAt;
  if (ageMs < 50) return 1;
  return ageMs < 1_000 ? 5 : Number.POSITIVE_INFINITY;
}
