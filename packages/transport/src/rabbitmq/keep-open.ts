import { AwayError } from "../away-error.ts";
import { toError } from "../reason.ts";
import { isRefusal } from "./refusal.ts";

/** Something with a connection behind it, which may close by itself. */
export type Opened<Resource> = {
  readonly resource: Resource;
  /** Resolves with the reason once the resource is of no more use. */
  readonly lost: Promise<Error>;
  /** Gives back what is left of it, also after it was lost. Never rejects, and takes a few seconds at most. */
  close(): Promise<void>;
};

export type KeptOpen<Resource> = AsyncDisposable & {
  /** Resolves when the resource is open, which may be never: race it against a time limit of your own. */
  current(): Promise<Resource>;
  /** Undefined while it is lost, and after disposal. */
  now(): Resource | undefined;
};

/** Told of every loss and of every vain attempt to open again, because the transport goes on by itself. */
export type OnError = (error: Error) => void;

const firstOpenMs = 10_000;
const longestPauseMs = 5_000;

/**
 * Opens a resource, and opens it again, for ever, whenever it is lost. Rejects where the first opening fails: with an
 * `AwayError`, after ten seconds at the latest, unless the broker says no. (amqplib's own `recovery` brings back connections but no channels,
 * and misses a connection that is lost while its `setup` runs.)
 */
export async function keepOpen<Resource>(
  open: () => Promise<Opened<Resource>>,
  onError: OnError,
): Promise<KeptOpen<Resource>> {
  const refused = Promise.withResolvers<never>();
  let current = Promise.withResolvers<Resource>();
  let opened: Opened<Resource> | undefined;
  let endPause: (() => void) | undefined;
  let hasOpened = false;
  let isStopped = false;

  const kept: KeptOpen<Resource> = {
    current: () => current.promise,
    now: () => opened?.resource,
    async [Symbol.asyncDispose]() {
      isStopped = true;
      endPause?.();
      await opened?.close();
      opened = undefined;
    },
  };
  void keep();
  const timer = setTimeout(() => refused.reject(new AwayError("RabbitMQ did not answer in time")), firstOpenMs);
  try {
    await Promise.race([current.promise, refused.promise]);
    return kept;
  } catch (error) {
    await kept[Symbol.asyncDispose]();
    throw error;
  } finally {
    clearTimeout(timer);
  }

  async function keep(): Promise<void> {
    for (let failures = 0; !isStopped; failures += 1) {
      const startedAt = performance.now();
      const error = await openUntilLost();
      if (isStopped) return;
      if (performance.now() - startedAt > longestPauseMs) failures = 0;
      if (!hasOpened) return refused.reject(isRefusal(error) ? error : awayBy(error));
      onError(error);
      await pause(failures);
    }
  }

  async function openUntilLost(): Promise<Error> {
    try {
      opened = await open();
    } catch (error) {
      return toError(error);
    }
    hasOpened = true;
    if (!isStopped) current.resolve(opened.resource);
    const { lost, close } = opened;
    const error = isStopped ? new Error("Closed by us") : await lost;
    opened = undefined;
    current = Promise.withResolvers();
    await close();
    return error;
  }

  async function pause(failures: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const longestMs = Math.min(100 * 2 ** failures, longestPauseMs);
    const timer = setTimeout(resolve, longestMs * (0.5 + Math.random() / 2));
    endPause = resolve;
    await promise;
    clearTimeout(timer);
  }
}

/** Node names no reason where a name has several addresses, and a code all the same. */
function awayBy(cause: Error): AwayError {
  const reason = cause.message || ("code" in cause ? String(cause.code) : cause.name);
  return new AwayError(`RabbitMQ cannot be reached: ${reason}`, { cause });
}
