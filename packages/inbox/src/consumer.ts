import { trace } from "@opentelemetry/api";
import type { Envelope, Handler } from "@throughline/envelope";
import { allEnded, type Database } from "@throughline/log";
import { createAgeMeasure, type Failure, type Subscription, type Transport } from "@throughline/transport";
import { createBodies } from "./bodies.ts";
import type { Outcome } from "./commit.ts";
import { createCommitter } from "./committer.ts";
import { createHandler } from "./handler.ts";
import { type ListenedRoad, listenOn, type RoadBacklog } from "./listen-on.ts";
import { startMaintenance } from "./maintenance.ts";
import { observeConsumer } from "./metrics.ts";
import { type Parked, parkKey, readParked } from "./parked-keys.ts";
import { startParkedRun } from "./parked-run.ts";
import type { Reaction } from "./reaction.ts";
import { defaultRetentionDays } from "./retention.ts";
import { throughOutages } from "./transient.ts";

export type ConsumerOptions = Pick<Subscription, "attempts" | "retryDelayMs" | "links" | "onFailure"> & {
  /** What a handler may take, in milliseconds, and three times what its effect in the database may. Default: 30,000. */
  readonly timeoutMs?: number;
  /** The roads the messages come by. One that comes by several has one effect. */
  readonly from: readonly Transport[];
  /** Messages in flight on each road, and so the most that come together for one commit. Default: 100. */
  readonly concurrency?: number;
  /** Messages in one transaction at most. Default: 100. */
  readonly batchSize?: number;
  /**
   * Types of which a dead message parks its key: later ones of these types and that key wait, in order and by whichever
   * road they come, until the dead one was sent again with effect or discarded. Default: none, they go on.
   */
  readonly parks?: readonly string[];
  /**
   * Whether effects of different keys run side by side in their transaction, so that what they ask of the database goes
   * out together. Only where an effect changes nothing that belongs to another key, and makes no savepoint. Default: false.
   */
  readonly keysSideBySide?: boolean;
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
  /** Messages put aside behind a dead one of their key, since the start. */
  readonly putAside: number;
  /** Messages set aside. */
  readonly deadLettered: number;
  /** Messages being handled at this moment. */
  readonly inFlight: number;
};

/** Disposing it stops the intake and waits for the messages in flight. */
export type Consumer = AsyncDisposable & {
  status(): ConsumerStatus;
  parked(): Promise<Parked>;
  backlog(): Promise<RoadBacklog[]>;
};

const counterOf = { handled: "handled", duplicate: "duplicates", parked: "putAside" } as const;
const longestTimeoutMs = 2 ** 30;

/**
 * Handles what a group receives, each message once, whatever the transports deliver again. Messages in flight at the same
 * time commit together; what fails is counted, retried and set aside by its transport, and its neighbours do not notice.
 * Resolves once messages published from now on are handled; a road whose broker is away is told to `onFailure` and
 * listened to when it comes. Rejects where a broker refuses what is asked of it.
 */
export async function startConsumer(
  database: Database,
  group: string,
  reactions: readonly Reaction[],
  options: ConsumerOptions,
): Promise<Consumer> {
  const { from, concurrency = 100, batchSize = 100, retentionDays = defaultRetentionDays, ...others } = options;
  if (from.length === 0) throw new Error(`Consumer ${group} listens to no transport`);
  const { parks: parkTypes, keysSideBySide = false, ...subscription } = others;
  const { timeoutMs = 30_000, attempts = 3, retryDelayMs = 1_000, links = [], onFailure = warn } = subscription;
  const parks = new Set(parkTypes);
  const stopping = new AbortController();
  const { signal } = stopping;
  const commit = createCommitter(database, group, { batchSize, timeoutMs, signal, keysSideBySide, parks });
  const withBody = createBodies({ timeoutMs, signal });
  const handle = createHandler(database, group, reactions, { retentionDays, timeoutMs, parks, withBody, commit });
  const counted = count(group, onFailure);
  const handling = (waitsForRoom: boolean) =>
    counted.counting((envelope) => throughOutages(database, () => handle(envelope), { signal, waitsForRoom }));

  await using opening = new AsyncDisposableStack();
  const onError = (error: Error) => onFailure({ error, deadLettered: false });
  opening.use(await startMaintenance(database, { retentionDays, onError }));
  const types = reactions.map(({ type }) => type);
  const beforeDead = async (envelope: Envelope) => {
    if (parks.has(envelope.type)) await parkKey(database, group, envelope);
  };
  const handled = { handler: handling(true), onFailure: counted.onFailure };
  const listening = { ...subscription, ...handled, group, types, concurrency, beforeDead };
  const roads: ListenedRoad[] = [];
  const running: AsyncDisposable[] = [];
  // Side by side, so that none takes in what it will not handle any more.
  opening.defer(async () => void (await allEnded(running.map((each) => each[Symbol.asyncDispose]()))));
  for (const transport of from) {
    // The handler keeps its time itself.
    const road = await listenOn(transport, { ...listening, timeoutMs: longestTimeoutMs }, onError);
    roads.push(road);
    running.push(road);
  }
  // It has a claim, which does not last until there is room.
  const parkedRun = { ...handled, handler: handling(false), timeoutMs, attempts, retryDelayMs, links };
  running.push(startParkedRun(database, group, parkedRun));
  opening.defer(() => stopping.abort());
  const status = () => ({ group, ...counted.counts });
  const backlog = () => Promise.all(roads.map((road) => road.backlog()));
  const parked = () => readParked(database, group);
  opening.use(observeConsumer({ status, parked, backlog }));
  const opened = opening.move();
  return {
    ...{ status, parked, backlog },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

type Counted = {
  readonly counts: Omit<ConsumerStatus, "group">;
  readonly counting: (handle: (envelope: Envelope) => Promise<Outcome>) => Handler;
  readonly onFailure: (failure: Failure) => void;
};

function count(group: string, onFailure: (failure: Failure) => void): Counted {
  const counts = { handled: 0, duplicates: 0, putAside: 0, failed: 0, deadLettered: 0, inFlight: 0 };
  const measureAge = createAgeMeasure("throughline.inbox.age", {
    description: "From the writing of a message until its effect has committed",
    attributes: { "messaging.consumer.group.name": group },
  });
  return {
    counts,
    counting: (handle) => async (envelope) => {
      counts.inFlight += 1;
      try {
        const outcome = await handle(envelope);
        counts[counterOf[outcome]] += 1;
        if (outcome === "handled") measureAge(envelope.timestamp);
        trace.getActiveSpan()?.setAttribute("throughline.inbox.outcome", outcome);
      } finally {
        counts.inFlight -= 1;
      }
    },
    onFailure(failure) {
      counts[failure.deadLettered ? "deadLettered" : "failed"] += 1;
      onFailure(failure);
    },
  };
}

function warn({ error }: Failure): void {
  process.emitWarning(error);
}
