import { type Envelope, type Handler, parseEnvelope, RejectedError } from "@throughline/envelope";
import type { Database } from "@throughline/log";
import { type Failure, handleEnvelope, tellFailure, traceDwell } from "@throughline/transport";
import { claimDue, type DueMessage, dieHere, passKeys, retryLater } from "./parked-keys.ts";
import { isFull } from "./transient.ts";

export type ParkedRun = {
  readonly handler: Handler;
  readonly onFailure: (failure: Failure) => void;
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly retryDelayMs: number;
  /** Types whose attempts begin a trace of their own. */
  readonly links: readonly string[];
};

/** How often, in milliseconds, it is looked whether a person has let a key go on. */
const lookMs = 1_000;
const longestRetryMs = 30_000;
/** Messages that a process has in hand at most, each of another key: a slow one holds back no other. */
const mostInHand = 20;
/** A claim holds for as many times as long as a handler may take. */
const leases = 2;
const parked = { system: "postgresql", destination: "inbox_parked" };

/** Handles the messages of parked keys in their order, from when the dead one before them is through, until disposed. */
export function startParkedRun(database: Database, consumer: string, run: ParkedRun): AsyncDisposable {
  const inHand = new Set<Promise<void>>();
  let isStopping = false;
  let woken = Promise.withResolvers<void>();
  const running = keepRunning();
  return {
    async [Symbol.asyncDispose]() {
      isStopping = true;
      woken.resolve();
      await running;
    },
  };

  async function keepRunning(): Promise<void> {
    while (!isStopping) {
      // Before the claim: what ends while it is made is followed by the next of its key.
      woken = Promise.withResolvers();
      const leaseMs = leases * run.timeoutMs;
      const due = await claimDue(database, consumer, { most: mostInHand - inHand.size, leaseMs }).catch(waitLonger);
      for (const message of due) takeInHand(message);
      await wakeOrLook();
    }
    await Promise.all(inHand);
  }

  function takeInHand(message: DueMessage): void {
    const handling = runOne(database, consumer, message, run)
      .catch(waitLonger)
      .then(() => {
        inHand.delete(handling);
        woken.resolve();
      });
    inHand.add(handling);
  }

  async function wakeOrLook(): Promise<void> {
    const timer = setTimeout(woken.resolve, lookMs);
    await woken.promise;
    clearTimeout(timer);
  }

  function waitLonger(cause: unknown): [] {
    tellFailure(run, { error: new Error("Parked keys wait a little longer", { cause }), deadLettered: false });
    return [];
  }
}

async function runOne(database: Database, consumer: string, { wire, attempts, parkedAt }: DueMessage, run: ParkedRun) {
  const envelope = parseEnvelope(wire);
  if (attempts === 1) traceDwell("parked", Math.max(parkedAt, Date.parse(envelope.timestamp)), envelope);
  try {
    if (attempts > run.attempts) throw new Error(silence(envelope, run.attempts));
    // The handler keeps the time itself; this is when its claim is over.
    const { handler, timeoutMs, links } = run;
    await handleEnvelope({ group: consumer, handler, links, timeoutMs: leases * timeoutMs }, envelope, parked);
    // Its commit has done so, unless its type does not park any more.
    await passKeys(database, consumer, [envelope]);
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
    const isCounted = !isFull(error);
    const deadLettered = isCounted && (error instanceof RejectedError || attempts >= run.attempts);
    const delayMs = Math.min(run.retryDelayMs * 2 ** (attempts - 1), longestRetryMs);
    if (deadLettered) await dieHere(database, consumer, envelope, { error, attempts });
    else await retryLater(database, consumer, envelope, { delayMs, isCounted });
    tellFailure(run, { error, envelope, deadLettered });
  }
}

function silence({ type, id }: Envelope, attempts: number): string {
  return `${attempts} attempts at ${type} ${id} left no outcome: it may end whoever handles it`;
}
