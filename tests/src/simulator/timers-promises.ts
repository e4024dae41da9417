/** Stands in for `node:timers/promises`. */
import "./clock.ts";

export function setTimeout<Value>(
  ms: number,
  value?: Value,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<Value | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Value | undefined>();
  if (signal?.aborted) return Promise.reject(signal.reason);
  const timer = globalThis.setTimeout(() => {
    signal?.removeEventListener("abort", giveUp);
    resolve(value);
  }, ms);
  function giveUp() {
    clearTimeout(timer);
    reject(signal?.reason);
  }
  signal?.addEventListener("abort", giveUp, { once: true });
  return promise;
}

export function setImmediate(): Promise<void> {
  return setTimeout(0).then(() => undefined);
}
