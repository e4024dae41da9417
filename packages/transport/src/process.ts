/**
 * What every adapter does with an envelope that arrived. Beside it stand `subscription.ts` (`withDefaults`,
 * `tellFailure`, `retryDelayMs`), `reason.ts` (`reasonOf`, `toError`), `key-queue.ts` (`createKeyQueue`), `batch-span.ts`
 * (`traceBatch`, for calls that receive and settle) and `traceparent.ts` (`parseTraceparent`, `formatTraceparent`).
 */
import {
  type Attributes,
  context,
  type Histogram,
  metrics,
  ROOT_CONTEXT,
  type SpanContext,
  trace,
} from "@opentelemetry/api";
import { type Envelope, type Handler, parseEnvelope, RejectedError, runCausedBy } from "@throughline/envelope";
import { traceDwell } from "./dwell.ts";
import { recordFailure, startProcessSpan } from "./process-span.ts";
import { toError } from "./reason.ts";
import { createRecent } from "./recent.ts";
import { type CompleteSubscription, failedIn, retryDelayMs } from "./subscription.ts";
import { formatTraceparent } from "./traceparent.ts";

/** Where an envelope came from. */
export type Arrival = {
  /** OpenTelemetry's `messaging.system`: `kafka`, `aws_sqs`, `rabbitmq`, `memory`. */
  readonly system: string;
  /** The topic or queue it was read from, namespace included. */
  readonly destination: string;
  /** As the broker's header or attribute carried it. Default: the envelope's own. */
  readonly traceparent?: string | undefined;
  /** When the broker got it, in milliseconds since 1970, where that is known. */
  readonly sentAt?: number | undefined;
  /** The span of the call that brought it, where there is one. */
  readonly received?: SpanContext | undefined;
};

/** What a transport does with a message after one attempt. */
export type Verdict =
  | { readonly kind: "done" }
  /** Deliver it again, not before `delayMs` have passed. */
  | { readonly kind: "retry"; readonly delayMs: number; readonly error: Error }
  /** Write it to the dead letters with `reasonOf(error)`, then acknowledge it. */
  | { readonly kind: "dead"; readonly error: Error };

/** Why messages died, by id: where one comes again, because it could not be set aside, no handler says it anew. */
const deaths = createRecent<Error>();
/** When messages failed, so that the next attempt can say how long it was in coming. */
const failures = createRecent<number>();
let duration: Histogram | undefined;

/**
 * `attemptEnvelope` for bytes that nobody has parsed yet: malformed ones are dead at once, and have no envelope. For
 * adapters that need no look at the envelope before its turn comes.
 */
export async function attemptBytes(
  subscription: CompleteSubscription,
  body: string | Uint8Array,
  attempt: number,
  arrival: Arrival,
): Promise<{ readonly verdict: Verdict; readonly envelope?: Envelope }> {
  let envelope: Envelope;
  try {
    envelope = parseEnvelope(body);
  } catch (thrown) {
    return { verdict: { kind: "dead", error: toError(thrown) } };
  }
  return { verdict: await attemptEnvelope(subscription, envelope, attempt, arrival), envelope };
}

/**
 * One attempt, which is the `attempt`-th at this message (from 1), whichever process made the others: handles the
 * envelope and says what follows. A message that has had its attempts, and took down who made the last, is dead without
 * another. Never rejects. The transport acts on the verdict and then calls `tellFailure`.
 */
export async function attemptEnvelope(
  subscription: CompleteSubscription,
  envelope: Envelope,
  attempt: number,
  arrival: Arrival,
): Promise<Verdict> {
  if (attempt > subscription.attempts)
    return giveUp(subscription, envelope, attempt, causeOfDeath(subscription, envelope));
  traceWaiting(subscription, envelope, attempt, arrival);
  try {
    await handleEnvelope(subscription, envelope, arrival);
    return { kind: "done" };
  } catch (thrown) {
    const error = toError(thrown);
    if (error instanceof RejectedError || attempt >= subscription.attempts)
      return giveUp(subscription, envelope, attempt, error);
    failures.set(subscription, envelope, Date.now());
    return { kind: "retry", delayMs: retryDelayMs(subscription, attempt), error };
  }
}

function traceWaiting(
  subscription: CompleteSubscription,
  envelope: Envelope,
  attempt: number,
  { sentAt }: Arrival,
): void {
  const failedAt = failures.get(subscription, envelope);
  failures.forget(subscription, envelope);
  if (failedAt !== undefined) traceDwell("retry", failedAt, envelope);
  else if (attempt === 1 && sentAt !== undefined) traceDwell("broker", sentAt, envelope);
}

/** The verdict where no attempt is left, for whatever reason; `attempt` is the last one. */
export async function giveUp(
  subscription: CompleteSubscription,
  envelope: Envelope,
  attempt: number,
  error: Error,
): Promise<Verdict> {
  deaths.set(subscription, envelope, error);
  try {
    await subscription.beforeDead?.(envelope, error);
    return { kind: "dead", error };
  } catch (cause) {
    const notYet = new Error(`${envelope.type} ${envelope.id} cannot be set aside yet: ${error.message}`, { cause });
    return { kind: "retry", delayMs: retryDelayMs(subscription, attempt), error: notYet };
  }
}

function causeOfDeath(subscription: CompleteSubscription, envelope: Envelope): Error {
  const { type, id } = envelope;
  const silent = `${subscription.attempts} attempts at ${type} ${id} left no outcome: it may end whoever handles it`;
  return deaths.get(subscription, envelope) ?? new Error(silent);
}

/**
 * Runs the handler inside a span of its own, and as the cause of whatever the handler creates. Rejects with the handler's
 * error, or when `timeoutMs` have passed: the attempt has then failed, and what the handler still does is its own affair.
 */
export async function handleEnvelope(
  subscription: Pick<CompleteSubscription, "group" | "handler" | "timeoutMs" | "links">,
  envelope: Envelope,
  arrival: Arrival,
): Promise<void> {
  const span = startProcessSpan(subscription, envelope, arrival);
  const inSpan = trace.setSpan(ROOT_CONTEXT, span);
  const traceparent = formatTraceparent(span.spanContext()) ?? envelope.traceparent;
  const { id, correlationId, baggage } = envelope;
  const startedAt = performance.now();
  let errorType: string | undefined;
  const cause = {
    id,
    correlationId,
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(baggage === undefined ? {} : { baggage }),
  };
  try {
    await context.with(inSpan, () =>
      runCausedBy(cause, () => handleInTime(subscription.handler, envelope, subscription.timeoutMs)),
    );
  } catch (thrown) {
    const error = toError(thrown);
    failedIn.set(envelope, span.spanContext());
    recordFailure(span, error);
    errorType = error.name;
    throw error;
  } finally {
    span.end();
    measureDuration((performance.now() - startedAt) / 1_000, {
      "messaging.system": arrival.system,
      "messaging.destination.name": arrival.destination,
      "messaging.consumer.group.name": subscription.group,
      ...(errorType === undefined ? {} : { "error.type": errorType }),
    });
  }
}

/** As OpenTelemetry's conventions for messaging name it, in seconds. */
function measureDuration(seconds: number, attributes: Attributes): void {
  duration ??= metrics.getMeter("throughline").createHistogram("messaging.process.duration", {
    unit: "s",
    advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] },
  });
  duration.record(seconds, attributes);
}

async function handleInTime(handler: Handler, envelope: Envelope, timeoutMs: number): Promise<void> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const late = () => reject(new Error(`Handling ${envelope.type} ${envelope.id} took longer than ${timeoutMs} ms`));
  const timer = setTimeout(late, timeoutMs);
  try {
    // The race also takes the rejection of a handler that lost it.
    await Promise.race([handler(envelope), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
