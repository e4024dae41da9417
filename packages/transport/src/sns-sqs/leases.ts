/** Keeps messages hidden from other receivers for as long as they are being handled. */
export type Leases = Disposable & {
  /** From now on the lease is extended in time. The function returned ends that, and waits for an extension under way. */
  hold(receiptHandle: string): () => Promise<void>;
};

export type LeaseOptions = {
  /** For how long a receive hides a message. */
  readonly firstSeconds: number;
  /** For how long an extension does. */
  readonly seconds: number;
  readonly extend: (receiptHandle: string) => Promise<void>;
  readonly onLost: (error: Error) => void;
};

type Held = { until: number; extension: Promise<void> };

/** Extends each lease before half of it is over, which leaves time to try again. */
export function keepLeases({ firstSeconds, seconds, extend, onLost }: LeaseOptions): Leases {
  const held = new Map<string, Held>();
  const timer = setInterval(extendInTime, (firstSeconds * 1_000) / 4);

  return {
    hold(receiptHandle) {
      const message = { until: performance.now() + firstSeconds * 1_000, extension: Promise.resolve() };
      held.set(receiptHandle, message);
      return () => {
        held.delete(receiptHandle);
        return message.extension;
      };
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };

  function extendInTime(): void {
    const now = performance.now();
    for (const [receiptHandle, message] of held) {
      if (message.until - now > (seconds * 1_000 * 2) / 3) continue;
      const before = message.until;
      message.until = now + seconds * 1_000;
      message.extension = extend(receiptHandle).catch((cause: unknown) => {
        message.until = before;
        onLost(new Error("A message is still being handled, and may be delivered again meanwhile", { cause }));
      });
    }
  }
}
