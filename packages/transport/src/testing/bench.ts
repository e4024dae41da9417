import { type Envelope, type Handler, newId } from "@throughline/envelope";
import { vi } from "vitest";
import type { DeadLetter, Failure, Publisher, Subscriber, Subscription, Transport } from "../transport.ts";
import { createGate } from "./gate.ts";
import type { Line } from "./line.ts";
import type { SuiteType } from "./messages.ts";
import type { Connect, Probe } from "./under-test.ts";

/** What listens in a case, and what it has seen so far. */
export type Listener = {
  /** Handled without an error, in the order in which the handlers ended. */
  readonly handled: Envelope[];
  /** Every call of the handler, in the order in which they began. */
  readonly begun: Envelope[];
  readonly failures: Failure[];
  readonly subscriber: Subscriber;
};

/** A process in a namespace of its own. Everything that a case opens is closed at its end. */
export type Bench = {
  readonly namespace: string;
  readonly transport: Transport;
  readonly probe: Probe;
  readonly line: Line;
  readonly leaseMs: number;
  readonly tooLargeBytes: number;
  /** Another process in the same namespace. */
  elsewhere(): Promise<Bench>;
  publish(envelopes: readonly Envelope[]): Promise<void>;
  /** A subscriber of its own, of group `billing` and type `order.created` unless told otherwise. */
  listen(handler?: Handler, subscription?: Partial<Subscription>): Promise<Listener>;
  /** Resolves when nothing waits for the group any more: then what has not come does not come. */
  drained(group?: string, types?: readonly SuiteType[]): Promise<void>;
  /** Drains the dead letters of `billing` and type `order.created`. */
  drain(take: (letter: DeadLetter) => Promise<void>, options?: DrainOptions): Promise<AsyncDisposable>;
};

export type DrainOptions = { readonly group?: string; readonly onError?: (error: Error) => void };

export type Workshop = {
  /** A bench in a namespace of its own. */
  bench(): Promise<Bench>;
  /** Tries the assertions again until they hold, at most `patienceMs`; then fails with what they said last. */
  eventually(assertions: () => void | Promise<void>): Promise<void>;
  /** What the promise says, or, after `patienceMs`, the failure that it says nothing. */
  soon<Result>(promise: Promise<Result>): Promise<Result>;
};

/** Runs one case, then lets go whoever still waits for something, heals all lines, and closes in reverse all that it has opened. */
export async function withWorkshop(
  connect: Connect,
  patienceMs: number,
  run: (workshop: Workshop) => Promise<void>,
): Promise<void> {
  await using processes = new AsyncDisposableStack();
  await using opened = new AsyncDisposableStack();
  const eventually: Workshop["eventually"] = (assertions) =>
    vi.waitFor(assertions, { timeout: patienceMs, interval: 20 });
  const ended = createGate();
  const site: Site = { connect, processes, opened, eventually, lines: [], ended: ended.opened };
  const soon: Workshop["soon"] = (promise) => within(patienceMs, promise);
  try {
    await run({ bench: () => openProcess(`t${newId().replaceAll("-", "").slice(-10)}`, site), eventually, soon });
  } finally {
    ended.open();
    for (const line of site.lines) line.heal();
  }
}

/** Where benches stand: what they open, and how long that stays open. */
type Site = {
  readonly connect: Connect;
  readonly processes: AsyncDisposableStack;
  readonly opened: AsyncDisposableStack;
  readonly eventually: Workshop["eventually"];
  readonly lines: Line[];
  readonly ended: Promise<void>;
};

async function openProcess(namespace: string, site: Site): Promise<Bench> {
  const { opened, eventually } = site;
  const { transport, probe, line, leaseMs = 0, tooLargeBytes, dispose } = await site.connect(namespace);
  site.processes.defer(async () => dispose?.());
  if (line !== undefined) site.lines.push(line);
  let publisher: Promise<Publisher> | undefined;
  return {
    namespace,
    transport,
    probe,
    get line() {
      return supplied(line, "line");
    },
    leaseMs,
    get tooLargeBytes() {
      return supplied(tooLargeBytes, "tooLargeBytes");
    },
    elsewhere: () => openProcess(namespace, site),
    async publish(envelopes) {
      publisher ??= transport.connectPublisher().then((connected) => opened.use(connected));
      await (await publisher).publish(envelopes);
    },
    listen: (handler, subscription) =>
      listen(transport, site, { ...subscription, ...(handler === undefined ? {} : { handler }) }),
    drained: (group = "billing", types = ["order.created"]) =>
      eventually(async () => {
        const { waiting } = await transport.backlog(group, types);
        if (waiting > 0) throw new Error(`${waiting} messages still wait for ${group}`);
      }),
    async drain(take, { group = "billing", onError } = {}) {
      const takeInTime = (letter: DeadLetter) => Promise.race([take(letter), site.ended]);
      return opened.use(await transport.deadLetters.drain(group, ["order.created"], takeInTime, onError));
    },
  };
}

function supplied<Means>(means: Means | undefined, name: string): Means {
  if (means !== undefined) return means;
  throw new Error(`This case needs \`${name}\` of UnderTest: supply it, or say in the exceptions why not`);
}

async function within<Result>(timeoutMs: number, promise: Promise<Result>): Promise<Result> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`Nothing came of it in ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

async function listen(
  transport: Transport,
  { opened, ended }: Site,
  { handler = async () => {}, ...subscription }: Partial<Subscription>,
): Promise<Listener> {
  const subscriber = opened.use(await transport.connectSubscriber());
  const listener: Listener = { handled: [], begun: [], failures: [], subscriber };
  await subscriber.subscribe({
    group: "billing",
    types: ["order.created"],
    retryDelayMs: 20,
    onFailure: (failure) => listener.failures.push(failure),
    ...subscription,
    handler: async (envelope) => {
      listener.begun.push(envelope);
      await Promise.race([handler(envelope), ended]);
      listener.handled.push(envelope);
    },
  });
  return listener;
}
