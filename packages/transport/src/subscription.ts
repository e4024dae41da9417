import { context, ROOT_CONTEXT, type SpanContext, trace } from "@opentelemetry/api";
import { type Envelope, runCausedBy } from "@throughline/envelope";
import { traceDeath } from "./process-span.ts";
import { contextOf } from "./traceparent.ts";
import type { Failure, Subscription } from "./transport.ts";

/** A subscription with its defaults filled in. */
export type CompleteSubscription = Required<Omit<Subscription, "onFailure" | "beforeDead">> &
  Pick<Subscription, "onFailure" | "beforeDead">;

/** Where handling last failed: what is told of the message names that attempt. One error may be that of many messages. */
export const failedIn = new WeakMap<Envelope, SpanContext>();

const longestTimerMs = 2 ** 31 - 1;
const longestRetryDelayMs = 30_000;

/** Fills in the defaults. Throws where a number makes no sense, naming each fault, before anything is declared. */
export function withDefaults(subscription: Subscription): CompleteSubscription {
  const complete = { concurrency: 10, timeoutMs: 30_000, attempts: 3, retryDelayMs: 1_000, links: [], ...subscription };
  const faults = [
    ...(complete.types.length > 0 ? [] : ["types is empty"]),
    ...faultsOfInteger("concurrency", complete.concurrency, 1, 10_000),
    ...faultsOfInteger("timeoutMs", complete.timeoutMs, 1, longestTimerMs),
    ...faultsOfInteger("attempts", complete.attempts, 1, 1_000),
    ...faultsOfInteger("retryDelayMs", complete.retryDelayMs, 0, longestTimerMs),
  ];
  if (faults.length > 0) throw new Error(`Subscription of ${complete.group}: ${faults.join("; ")}`);
  return { ...complete, types: [...new Set(complete.types)] };
}

/**
 * Tells the subscriber's owner, in the correlation and the trace of the message, so that what is logged there names them.
 * There, a message that was set aside has a span that says so. What `onFailure` itself throws becomes a process warning: the
 * subscriber goes on.
 */
export function tellFailure({ onFailure }: Pick<Subscription, "onFailure">, failure: Failure): void {
  const { envelope, error, deadLettered } = failure;
  try {
    if (envelope === undefined) onFailure?.(failure);
    else {
      const failed = failedIn.get(envelope);
      const where = failed ? trace.setSpanContext(ROOT_CONTEXT, failed) : contextOf(envelope.traceparent);
      if (deadLettered) traceDeath(envelope, error, where);
      context.with(where, () => runCausedBy(envelope, () => onFailure?.(failure)));
    }
  } catch (error) {
    process.emitWarning(new Error("onFailure threw", { cause: error }));
  }
}

/**
 * The pause after the failed `attempt` (from 1): `retryDelayMs`, doubled with each attempt, at most 30 s, plus up to a
 * quarter at random, so that what failed together does not come back together. Late, never early.
 */
export function retryDelayMs({ retryDelayMs }: Pick<CompleteSubscription, "retryDelayMs">, attempt: number): number {
  const doubled = Math.min(retryDelayMs * 2 ** (attempt - 1), Math.max(retryDelayMs, longestRetryDelayMs));
  return Math.min(Math.ceil(doubled * (1 + Math.random() / 4)), longestTimerMs);
}

function faultsOfInteger(name: string, value: number, least: number, most: number): string[] {
  const fits = Number.isInteger(value) && value >= least && value <= most;
  return fits ? [] : [`${name} is ${value}, expected an integer from ${least} to ${most}`];
}
