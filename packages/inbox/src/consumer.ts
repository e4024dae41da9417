import { trace } from "@opentelemetry/api";
import { type Envelope, RejectedError } from "@throughline/envelope";
import type { Database } from "@throughline/log";
import type { Failure, Subscription, Transport } from "@throughline/transport";
import type { Outcome } from "./commit.ts";
import { createGroupCommit } from "./group-commit.ts";
import { startMaintenance } from "./maintenance.ts";
import { isRemembered } from "./processed-messages.ts";
import type { Reaction } from "./reaction.ts";
import { defaultRetentionDays, refuseForgotten } from "./retention.ts";

export type ConsumerOptions = Pick<Subscription, "timeoutMs" | "attempts" | "retryDelayMs" | "onFailure"> & {
  /** The roads the messages come by. One that comes by several has one effect. */
  readonly from: readonly Transport[];
  /** Messages in flight on each road, and so the most that come together for one commit. Default: 100. */
  readonly concurrency?: number;
  /** Messages in one transaction at most. Default: 100. */
  readonly batchSize?: number;
  /** Days that a handled message is remembered, and after which one is refused. Default: 30. */
  readonly retentionDays?: number;
};

export type ConsumerStatus = {
  readonly group: string;
  /** Messages with an effect, since the start. */
  readonly handled: number;
  /** Messages that came again and had none. */
  readonly duplicates: number;
  /** Attempts that failed and are made again. */
  readonly failed: number;
  /** Messages set aside. */
  readonly deadLettered: number;
  /** Messages being handled at this moment. */
  readonly inFlight: number;
};

/** Disposing it stops the intake and waits for the messages in flight. */
export type Consumer = AsyncDisposable & { status(): ConsumerStatus };

/**
 * Handles what a group receives, each message once, whatever the transports deliver again. Messages in flight at the same
 * time commit together; what fails is counted, retried and set aside by its transport, the others are none the wiser.
 */
export async function startConsumer(
  database: Database,
  group: string,
  reactions: readonly Reaction[],
  options: ConsumerOptions,
): Promise<Consumer> {
  const { from, concurrency = 100, batchSize = 100, retentionDays = defaultRetentionDays, ...subscription } = options;
  if (from.length === 0) throw new Error(`Consumer ${group} listens to no transport`);
  const { timeoutMs = 30_000, onFailure } = subscription;
  const reactionTo = dispatch(group, reactions);
  const stopping = new AbortController();
  const commit = createGroupCommit(database, group, { batchSize, timeoutMs, signal: stopping.signal });
  const counts = { handled: 0, duplicate: 0, failed: 0, deadLettered: 0, inFlight: 0 };

  async function handle(envelope: Envelope): Promise<void> {
    counts.inFlight += 1;
    try {
      const outcome = await handleEnvelope(envelope);
      counts[outcome] += 1;
      trace.getActiveSpan()?.setAttribute("inbox.outcome", outcome);
    } finally {
      counts.inFlight -= 1;
    }
  }

  async function handleEnvelope(envelope: Envelope): Promise<Outcome> {
    const reaction = reactionTo(envelope);
    refuseForgotten(envelope, retentionDays);
    const effect = await reaction.prepare(envelope, () => isRemembered(database, group, envelope));
    return effect === undefined ? "duplicate" : commit(envelope, effect);
  }

  function countFailure(failure: Failure): void {
    counts[failure.deadLettered ? "deadLettered" : "failed"] += 1;
    onFailure?.(failure);
  }

  await using opening = new AsyncDisposableStack();
  const types = reactions.map(({ type }) => type);
  opening.use(
    await startMaintenance(database, {
      retentionDays,
      onError: (error) => onFailure?.({ error, deadLettered: false }),
    }),
  );
  for (const transport of from) {
    const subscriber = opening.use(await transport.connectSubscriber());
    await subscriber.subscribe({
      ...subscription,
      group,
      types,
      concurrency,
      handler: handle,
      onFailure: countFailure,
    });
  }
  opening.defer(async () => stopping.abort());
  const opened = opening.move();
  return {
    status: () => ({
      group,
      handled: counts.handled,
      duplicates: counts.duplicate,
      failed: counts.failed,
      deadLettered: counts.deadLettered,
      inFlight: counts.inFlight,
    }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function dispatch(group: string, reactions: readonly Reaction[]): (envelope: Envelope) => Reaction {
  const byName = new Map<string, Reaction>();
  for (const reaction of reactions) {
    const name = nameOf(reaction);
    if (byName.has(name)) throw new Error(`Consumer ${group} has two reactions to ${name}`);
    byName.set(name, reaction);
  }
  return (envelope) => {
    const reaction = byName.get(nameOf(envelope));
    if (reaction === undefined) throw new RejectedError(`Consumer ${group} has no reaction to ${nameOf(envelope)}`);
    return reaction;
  };
}

function nameOf({ type, version }: { readonly type: string; readonly version: string }): string {
  return `${type} version ${version}`;
}
