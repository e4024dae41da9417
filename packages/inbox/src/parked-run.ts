import { type Handler, parseEnvelope, RejectedError } from "@throughline/envelope";
import type { Database } from "@throughline/log";
import { type Failure, handleEnvelope, traceDwell } from "@throughline/transport";
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
/** A claim holds for as many times as long as a handler may take. */
const leases = 2;
const parked = { system: "postgresql", destination: "inbox_parked" };

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
      const due = await claimDue(database, consumer, leases * run.timeoutMs);
      await Promise.all(due.map((message) => runOne(database, consumer, message, run)));
      if (due.length === 0) await pause(lookMs, stopping);
    } catch (cause) {
      run.onFailure({ error: new Error("Parked keys wait a little longer", { cause }), deadLettered: false });
      await pause(lookMs, stopping);
    }
  }
}

async function runOne(database: Database, consumer: string, { wire, attempts, parkedAt }: DueMessage, run: ParkedRun) {
  const envelope = parseEnvelope(wire);
  if (attempts === 1) traceDwell("parked", Math.max(parkedAt, Date.parse(envelope.timestamp)), envelope);
  try {
    // The handler keeps the time itself; this is when its claim is over.
    const { handler, timeoutMs } = run;
    await handleEnvelope({ group: consumer, handler, timeoutMs: leases * timeoutMs }, envelope, parked);
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
