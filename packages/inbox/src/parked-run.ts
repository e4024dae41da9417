import { type Handler, parseEnvelope, RejectedError, runCausedBy } from "@throughline/envelope";
import type { Database } from "@throughline/log";
import type { Failure } from "@throughline/transport";
import { claimDue, type DueMessage, dieHere, passKeys, retryLater } from "./parked-keys.ts";

export type ParkedRun = {
  readonly handler: Handler;
  readonly onFailure: (failure: Failure) => void;
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly retryDelayMs: number;
};

/** How often, in milliseconds, it is looked whether a person has let a key go on. */
const lookMs = 1_000;
const longestRetryMs = 30_000;

/** Handles the messages of parked keys in their order, from when the dead one before them is through, until disposed. */
export function startParkedRun(database: Database, consumer: string, run: ParkedRun): AsyncDisposable {
  const stopping = new AbortController();
  const running = keepRunning(database, consumer, run, stopping.signal);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}

async function keepRunning(database: Database, consumer: string, run: ParkedRun, stopping: AbortSignal) {
  while (!stopping.aborted) {
    try {
      const due = await claimDue(database, consumer, 2 * run.timeoutMs);
      await Promise.all(due.map((message) => runOne(database, consumer, message, run)));
      if (due.length === 0) await pause(lookMs, stopping);
    } catch (cause) {
      run.onFailure({ error: new Error("Parked keys wait a little longer", { cause }), deadLettered: false });
      await pause(lookMs, stopping);
    }
  }
}

async function runOne(database: Database, consumer: string, { wire, attempts }: DueMessage, run: ParkedRun) {
  const envelope = parseEnvelope(wire);
  try {
    await runCausedBy(envelope, () => run.handler(envelope));
    // Its commit has done so, unless its type does not park any more.
    await passKeys(database, consumer, [envelope]);
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
    const deadLettered = error instanceof RejectedError || attempts >= run.attempts;
    if (deadLettered) await dieHere(database, consumer, envelope, { error, attempts });
    else
      await retryLater(database, consumer, envelope, Math.min(run.retryDelayMs * 2 ** (attempts - 1), longestRetryMs));
    run.onFailure({ error, envelope, deadLettered });
  }
}

/** Resolves after `ms`, or when it is stopping. */
function pause(ms: number, stopping: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (stopping.aborted) return Promise.resolve();
  const end = () => {
    clearTimeout(timer);
    stopping.removeEventListener("abort", end);
    resolve();
  };
  const timer = setTimeout(end, ms);
  stopping.addEventListener("abort", end);
  return promise;
}
