import { AwayError } from "../away-error.ts";

/** The line between a memory transport and its broker, on which accidents can be had. */
export type MemoryLine = {
  /** The broker cannot be reached, and takes back at once what the other end has in hand, until `heal`. */
  cut(): void;
  /** The same without a word: a call waits for its answer until it gives up. */
  swallow(): void;
  heal(): void;
  readonly isUp: boolean;
  /** Bytes of the messages that came this way. */
  readonly received: number;
  count(bytes: number): void;
  /** Resolves when the broker has the call; rejects where the line is down. */
  carry(): Promise<void>;
  /** Calls `listener` whenever the line goes down or comes up; returns how to stop that. */
  watch(listener: () => void): () => void;
};

/** How long a call waits for its answer. */
const answerTimeoutMs = 500;

export function createMemoryLine(): MemoryLine {
  let state: "up" | "cut" | "swallowing" = "up";
  let received = 0;
  const listeners = new Set<() => void>();

  return {
    cut: () => become("cut"),
    swallow: () => become("swallowing"),
    heal: () => become("up"),
    get isUp() {
      return state === "up";
    },
    get received() {
      return received;
    },
    count(bytes) {
      received += bytes;
    },
    async carry() {
      if (state === "cut") throw new AwayError("The broker cannot be reached");
      if (state === "swallowing") await giveUp();
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };

  function become(next: typeof state): void {
    state = next;
    for (const listener of listeners) listener();
  }
}

async function giveUp(): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  setTimeout(() => reject(new AwayError(`The broker did not answer in ${answerTimeoutMs} ms`)), answerTimeoutMs);
  return promise;
}
