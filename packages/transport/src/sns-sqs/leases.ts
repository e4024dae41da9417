/** Keeps messages hidden from other receivers for as long as they are being handled. */
export type Leases = Disposable & {
  /** From now on the lease is extended in time. The function returned ends that, and waits for an extension under way. */
  hold(receiptHandle: string): () => Promise<void>;
};

type Held = { extendedAt: number; extension: Promise<void> };

/** Extends each lease when a quarter to a half of it is over, which leaves time to try again. */
export function keepLeases(
  leaseSeconds: number,
  extend: (receiptHandle: string) => Promise<void>,
  onLost: (error: Error) => void,
): Leases {
  const periodMs = (leaseSeconds * 1_000) / 4;
  const held = new Map<string, Held>();
  const timer = setInterval(() => {
    const now = performance.now();
    for (const [receiptHandle, message] of held) {
      if (now - message.extendedAt < periodMs) continue;
      message.extendedAt = now;
      message.extension = extend(receiptHandle).catch((cause: unknown) => {
        onLost(new Error("A message is still being handled, and may be delivered again meanwhile", { cause }));
      });
    }
  }, periodMs);

  return {
    hold(receiptHandle) {
      const message = { extendedAt: performance.now(), extension: Promise.resolve() };
      held.set(receiptHandle, message);
      return () => {
        held.delete(receiptHandle);
        return message.extension;
      };
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
