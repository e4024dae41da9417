import { onHint } from "./hint.ts";
import { pause } from "./pause.ts";

/** The end of the outbox, watched once for all lanes of a relay. */
export type Tail = {
  /** Up to where the outbox could be read when it was last looked at. */
  readonly limit: number;
  /** Resolves when the outbox can be read beyond `position`, after `maxMs`, when the lease is over or the relay stops. */
  beyond(position: number, maxMs: number, over: AbortSignal): Promise<void>;
  /** Looks anew before anything is read: another server may have taken over, whose log ended earlier and went another way. */
  forget(): void;
};

export type TailOptions = {
  /** The longest pause, in milliseconds, between two looks while nobody hints. */
  readonly idleMs: number;
  readonly stopping: AbortSignal;
  readonly onError: (error: Error) => void;
};

/** Times as long as a look takes, no other begins. */
const looksApart = 3;

type Waiter = { readonly position: number; readonly wake: () => void };

/**
 * Looks only while a lane waits: at once after a hint, otherwise ever more rarely. Returns the tail and the promise of
 * the watch, which ends when the relay stops.
 */
export function watchTail(
  readLimit: () => Promise<number>,
  { idleMs, stopping, onError }: TailOptions,
): { readonly tail: Tail; readonly watch: Promise<void> } {
  const waiters = new Set<Waiter>();
  let limit = 0;
  let looks = 0;
  let stirred = new AbortController();
  const stir = () => stirred.abort("stirred");

  async function watch(): Promise<void> {
    using _ = onHint(stir);
    stopping.addEventListener("abort", stir, { once: true });
    for (let pauseMs = 1; !stopping.aborted; ) {
      stirred = new AbortController();
      const lookedAt = performance.now();
      const woken = waiters.size > 0 && (await look());
      pauseMs = woken ? 1 : Math.min(pauseMs * 2, idleMs);
      // A look is not for free: hints that come faster than looks are worth share one.
      await pause(looksApart * (performance.now() - lookedAt), stopping);
      await pause(waiters.size === 0 ? 60_000 : pauseMs, stirred.signal);
    }
    for (const { wake } of waiters) wake();
  }

  /** True where somebody was woken. */
  async function look(): Promise<boolean> {
    const look = ++looks;
    try {
      const seen = await readLimit();
      if (look === looks) limit = seen;
    } catch (error) {
      onError(new Error("The end of the outbox could not be read", { cause: error }));
      await pause(1_000, stopping);
    }
    const ready = [...waiters].filter(({ position }) => position < limit);
    for (const { wake } of ready) wake();
    return ready.length > 0;
  }

  async function beyond(position: number, maxMs: number, over: AbortSignal): Promise<void> {
    if (position < limit || stopping.aborted || over.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { position, wake: () => resolve() };
    const timer = setTimeout(resolve, maxMs);
    over.addEventListener("abort", waiter.wake, { once: true });
    waiters.add(waiter);
    stir();
    await promise;
    clearTimeout(timer);
    over.removeEventListener("abort", waiter.wake);
    waiters.delete(waiter);
  }

  const tail: Tail = {
    get limit() {
      return limit;
    },
    beyond,
    forget() {
      looks += 1;
      limit = 0;
    },
  };
  return { tail, watch: watch() };
}
