/** A promise to wait for inside a handler. */
export function createGate(): { readonly opened: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

/** What a handler that never ends returns. */
export function forever(): Promise<void> {
  return Promise.withResolvers<void>().promise;
}
