import type { Message } from "@aws-sdk/client-sqs";
import { toError } from "../reason.ts";
import { createIntake } from "./intake.ts";

/** Fetches at most `most` messages, and waits for the first up to `waitTimeSeconds`. */
export type Receive = (most: number, waitTimeSeconds: number, abortSignal: AbortSignal) => Promise<Message[]>;

/** Handles a message. What it returns settles the message with SQS, and may take its time. Neither rejects. */
export type Work = (message: Message) => Promise<() => Promise<void>>;

export type ReceiverOptions = {
  readonly receive: Receive;
  readonly work: Work;
  readonly concurrency: number;
  readonly waitTimeSeconds: number;
  /** Told of each receive that failed, before the pause that follows. */
  readonly onError: (error: Error) => void | Promise<void>;
};

const mostPerCall = 10;
const mostExtraReceives = 7;
/** A poll that comes back empty sooner than this did not wait: emulators do that when another poller was faster. */
const shortestWaitMs = 50;
const pauseAfterShortWaitMs = 20;
const longestPauseMs = 5_000;
/** How long a stop waits for the poll under way: what SQS gives to a poller that has gone stays hidden for a lease. */
const farewellMs = 2_000;

/**
 * Receives for ever, but never more than may begin at once. While nothing waits, one long poll is out; under a backlog,
 * as many receives run side by side as the concurrency can use. The function returned stops it, and resolves when all
 * that was received is settled.
 */
export function startReceiver(options: ReceiverOptions): () => Promise<void> {
  const { receive, work, concurrency, waitTimeSeconds, onError } = options;
  const intake = createIntake(concurrency);
  const stopping = new AbortController();
  const leaving = new AbortController();
  const inHand = new Set<Promise<void>>();
  let extraReceives = 0;
  const polling = pollForEver();

  return async () => {
    stopping.abort();
    intake.stop();
    const farewell = setTimeout(() => leaving.abort(), farewellMs);
    await polling;
    clearTimeout(farewell);
    // An extra receive that was under way adds to what is in hand.
    while (inHand.size > 0) await Promise.all(inHand);
  };

  async function pollForEver(): Promise<void> {
    let failuresInARow = 0;
    while (!stopping.signal.aborted) {
      const beganAt = performance.now();
      try {
        const count = await receiveOnce(waitTimeSeconds);
        failuresInARow = 0;
        const isShort = performance.now() - beganAt < shortestWaitMs;
        if (count === 0 && isShort) await pause(pauseAfterShortWaitMs, stopping.signal);
      } catch (thrown) {
        if (leaving.signal.aborted) return;
        await onError(toError(thrown));
        await pause(Math.min(100 * 2 ** failuresInARow, longestPauseMs), stopping.signal);
        failuresInARow += 1;
      }
    }
  }

  /** Runs beside the poll while there is a backlog, and ends with it. */
  async function emptyBacklog(): Promise<void> {
    extraReceives += 1;
    try {
      while ((await receiveOnce(0)) === mostPerCall);
    } catch (thrown) {
      await onError(toError(thrown));
    }
    extraReceives -= 1;
  }

  async function receiveOnce(waitSeconds: number): Promise<number> {
    const places = await intake.take(mostPerCall);
    if (places === 0) return 0;
    let messages: Message[] = [];
    try {
      messages = await receive(places, waitSeconds, leaving.signal);
    } finally {
      intake.giveBack(places - messages.length);
    }
    for (const message of messages) keep(settleWork(message));
    const mayHaveExtra = extraReceives < Math.min(concurrency / mostPerCall - 1, mostExtraReceives);
    if (messages.length === mostPerCall && mayHaveExtra) keep(emptyBacklog());
    return messages.length;
  }

  async function settleWork(message: Message): Promise<void> {
    const settle = await work(message);
    intake.giveBack(1);
    await settle();
  }

  function keep(work: Promise<void>): void {
    inHand.add(work);
    void work.finally(() => inHand.delete(work));
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    resolve();
  };
  const timer = setTimeout(end, ms);
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  return promise;
}
