import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { checkLog, type Database, readLimit } from "@throughline/log";
import type { Transport } from "@throughline/transport";
import { createDestination, type Destination } from "./destination.ts";
import { runLane } from "./lane.ts";
import { observeRelay } from "./metrics.ts";
import { findNeglected } from "./neglect.ts";
import { openDestination } from "./open-destination.ts";
import { outboxLog } from "./outbox-log.ts";
import { maintainPartitions } from "./partitions.ts";
import { pause } from "./pause.ts";
import type { Beginning } from "./place.ts";
import { watchShare } from "./share.ts";
import { type DestinationStatus, readStatus } from "./status.ts";
import { watchTail } from "./tail.ts";

export type RelayOptions = {
  /** Where messages go: each destination gets all, or those of its types, at its own pace. */
  readonly to: readonly {
    readonly transport: Transport;
    /** Only these go there, and those for which another relay of it was started: see `openDestination`. Default: all. */
    readonly types?: readonly string[];
    /** With which messages it begins where it is new; a moment means when they were written. Default: "beginning". */
    readonly from?: Beginning;
  }[];
  /** Shares of the keys that are published side by side, by one process or several; not to be changed while any runs. Default: 1. */
  readonly lanes?: number;
  /** Messages per publish, or fewer where those for all destinations have more than 4 MiB. Default: 1,000. */
  readonly batchSize?: number;
  /** The longest pause, in milliseconds, before a message of another process is seen. Default: 100. */
  readonly idleMs?: number;
  /** How long, in milliseconds, a lane waits for a relay that died. Default: 10,000. */
  readonly leaseMs?: number;
  /** Before a refused message is tried again, in milliseconds; it doubles each time, to 5 minutes. Default: 1,000. */
  readonly retryMs?: number;
  /** Refusals after which a message goes to `outbox_dead`. Default: 20. */
  readonly tries?: number;
  /** What the key of a dead message does: go on with the next one, or wait for a person. Default: "continue". */
  readonly afterDead?: "continue" | "hold";
  /** How long, in milliseconds, published messages are kept to be sent again. Default: 7 days. */
  readonly replayWindowMs?: number;
  /** Messages per partition of the outbox, which is what is dropped at once. Default: 1,000,000. */
  readonly partitionRows?: number;
  /** Told of every failure, because the relay itself goes on. Default: a process warning. */
  readonly onError?: (error: Error) => void;
};

export const defaultLanes = 1;
/**
 * Of the pages of all destinations. Each has two in hand, and what was read stays until it is collected: 20 to 60 MB were
 * measured, of the 128 that a container has.
 */
const pagesBytes = 4 * 1_024 * 1_024;
/** In milliseconds: 7 days. */
export const defaultReplayWindowMs = 7 * 86_400_000;

export interface Relay extends AsyncDisposable {
  status(): Promise<DestinationStatus[]>;
}

/**
 * Publishes what `enqueue` has committed, at least once and in order per key. Any number of relays may run: each lane
 * is with one of them at a time, and they share the lanes evenly as they come and go. Rejects where the outbox cannot be trusted; from then on it never gives up. Disposing
 * it finishes the batches in flight and hands the lanes over.
 */
export async function startRelay(database: Database, options: RelayOptions): Promise<Relay> {
  const { lanes = defaultLanes, onError = process.emitWarning } = options;
  const destinations = options.to.map(({ transport }) => createDestination(transport));
  requireDifferentNames(destinations);
  await checkLog(database, outboxLog);
  const owner = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
  for (const { transport, types, from: beginning = "beginning" } of options.to) {
    await openDestination(database, { name: transport.name, owner, types, lanes, beginning });
  }

  const stop = new AbortController();
  const running = run(database, destinations, { ...options, owner, lanes, onError }, stop.signal);
  const status = () => readStatus(database, destinations);
  const observing = observeRelay(status);
  return {
    status,
    async [Symbol.asyncDispose]() {
      observing[Symbol.dispose]();
      stop.abort();
      await running;
      for (const destination of destinations) await destination[Symbol.asyncDispose]();
    },
  };
}

async function run(
  database: Database,
  destinations: readonly Destination[],
  options: RelayOptions & Required<Pick<RelayOptions, "lanes" | "onError">> & { readonly owner: string },
  stopping: AbortSignal,
): Promise<void> {
  const { owner, lanes, batchSize = 1_000, idleMs = 100, leaseMs = 10_000, onError } = options;
  const { retryMs = 1_000, tries = 20, afterDead = "continue" } = options;
  const { tail, watch } = watchTail(() => readLimit(database, outboxLog), { idleMs, stopping, onError });
  const shared = {
    ...{ database, tail, owner, lanes, batchSize, leaseMs, stopping, onError },
    pageBytes: Math.floor(pagesBytes / destinations.length),
    policy: { retryMs, tries, afterDead },
  };
  const lanesOf = (destination: Destination) => {
    const { share, watch } = watchShare(database, { ...shared, destination: destination.name });
    const running = Array.from({ length: lanes }, (_, number) => runLane({ ...shared, destination, number, share }));
    return [watch, ...running];
  };
  const names = destinations.map(({ name }) => name);
  await Promise.all([
    watch,
    keepPartitions(database, options, stopping),
    tellNeglect(database, names, { stopping, onError }),
    ...destinations.flatMap(lanesOf),
  ]);
}

/** At the start and once a day. */
async function tellNeglect(
  database: Database,
  names: readonly string[],
  { stopping, onError }: { readonly stopping: AbortSignal; readonly onError: (error: Error) => void },
): Promise<void> {
  while (!stopping.aborted) {
    try {
      for (const sentence of await findNeglected(database, names)) onError(new Error(sentence));
    } catch (cause) {
      onError(new Error("Whether a destination is neglected will be looked at tomorrow", { cause }));
    }
    await pause(86_400_000, stopping);
  }
}

async function keepPartitions(
  database: Database,
  {
    partitionRows = 1_000_000,
    replayWindowMs = defaultReplayWindowMs,
    onError,
  }: RelayOptions & Required<Pick<RelayOptions, "onError">>,
  stopping: AbortSignal,
): Promise<void> {
  while (!stopping.aborted) {
    try {
      await maintainPartitions(database, { partitionRows, replayWindowMs });
    } catch (error) {
      onError(new Error("The partitions of the outbox were left as they are, until next time", { cause: error }));
    }
    await pause(60_000, stopping);
  }
}

function requireDifferentNames(destinations: readonly Destination[]): void {
  const names = destinations.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`Two destinations are called ${twice}, and each needs a cursor of its own`);
}
