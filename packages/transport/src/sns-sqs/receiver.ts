import type { Message } from "@aws-sdk/client-sqs";
import type { SpanContext } from "@opentelemetry/api";
import type { KeyQueue } from "../key-queue.ts";
import { toError } from "../reason.ts";

/** What one call brought, and its span where there is one. */
export type Received = { readonly messages: readonly Message[]; readonly span: SpanContext | undefined };

/** Fetches at most `most` messages, and waits for the first up to `waitTimeSeconds`. */
export type Receive = (most: number, waitTimeSeconds: number, abortSignal: AbortSignal) => Promise<Received>;

export type ReceiverOptions = {
  readonly receive: Receive;
  /** Takes the message in hand, works on it in `works`, and settles it with SQS. Never rejects. */
  readonly handle: (message: Message, received: Received) => Promise<void>;
  /** Its idle places are what may be received. */
  readonly works: KeyQueue;
  readonly waitTimeSeconds: number;
  /** Pause after a poll that was not full, in milliseconds: what comes meanwhile costs one call together. */
  readonly gatherMs: number;
  /** Told of each receive that failed, before the pause that follows. */
  readonly onError: (error: Error) => void | Promise<void>;
};

const nothing: Received = { messages: [], span: undefined };
const mostPerCall = 10;
const mostExtraReceives = 7;
/** Handlers that began together often end together: one call then fetches for all of them, instead of for one. */
const gatherPlacesMs = 5;
/** A poll that comes back empty sooner than this did not wait: emulators do that when another poller was faster. */
const shortestWaitMs = 50;
const pauseAfterShortWaitMs = 20;
const longestPauseMs = 5_000;
/** How long a stop waits for the poll under way: what SQS gives to a poller that has gone stays hidden for a lease. */
const farewellMs = 2_000;

/**
 * Receives for ever, but never more than may begin at once. While nothing waits, one long poll is out; under a backlog,
 * as many receives run side by side as there are idle places. The function returned stops it, then `works`, and resolves
 * when all that was received is settled.
 */
export function startReceiver(options: ReceiverOptions): () => Promise<void> {
  const { receive, handle, works, waitTimeSeconds, gatherMs, onError } = options;
  const places = works.idle;
  const stopping = new AbortController();
  const leaving = new AbortController();
  const inHand = new Set<Promise<void>>();
  let extraReceives = 0;
  /** Places that receives under way may need. */
  let reserved = 0;
  const polling = pollForEver();

  return async () => {
    stopping.abort();
    works.advance();
    const farewell = setTimeout(() => leaving.abort(), farewellMs);
    await polling;
    clearTimeout(farewell);
    // Not before: what goes back while a poll is out comes by it again, and each time counts as an attempt.
    await works.stop();
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
        if (count > 0 && count < mostPerCall && works.idle >= mostPerCall) await pause(gatherMs, stopping.signal);
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
    const most = await reserve();
    if (most === 0) return 0;
    let received: Received = nothing;
    try {
      received = await receive(most, waitSeconds, leaving.signal);
    } finally {
      reserved -= most;
      for (const message of received.messages) keep(handle(message, received));
      works.advance();
    }
    const count = received.messages.length;
    const mayHaveExtra = extraReceives < Math.min(places / mostPerCall - 1, mostExtraReceives);
    if (count === mostPerCall && mayHaveExtra) keep(emptyBacklog());
    return count;
  }

  /** Resolves with how many may be received now, at least one; with none once it is stopped. */
  async function reserve(): Promise<number> {
    const free = () => Math.min(works.idle - reserved, mostPerCall);
    do {
      await works.until(() => free() > 0 || stopping.signal.aborted);
      if (free() < Math.min(mostPerCall, places)) await pause(gatherPlacesMs, stopping.signal);
    } while (free() <= 0 && !stopping.signal.aborted);
    const most = stopping.signal.aborted ? 0 : free();
    reserved += most;
    return most;
  }

  function keep(work: Promise<void>): void {
    inHand.add(work);
    void work.finally(() => inHand.delete(work));
  }
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
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
