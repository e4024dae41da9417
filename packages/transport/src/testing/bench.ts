import { createEnvelope, type Envelope, type Handler, newId } from "@throughline/envelope";
import { vi } from "vitest";
import type { Failure, Publisher, Subscriber, Subscription, Transport } from "../transport.ts";

/** What the suite cannot do through a transport, because no service should: an adapter's tests supply it. */
export type Probe = {
  /** Puts any bytes on the road that messages of `type` take, past the publisher. */
  publishRaw(type: string, bytes: Uint8Array): Promise<void>;
  /**
   * Waits until `group` has `count` dead letters of `type`, then returns them: the bytes as they were published, and a
   * text in which the error's message occurs. Asked once per case, so it may take them off the broker.
   */
  deadLetters(group: string, type: string, count: number): Promise<readonly DeadLetter[]>;
};

export type DeadLetter = { readonly body: Uint8Array; readonly reason: string };

/** A transport under test, with its side door. What `connect` opened besides, it may close by `dispose`. */
export type UnderTest = {
  readonly transport: Transport;
  readonly probe: Probe;
  readonly dispose?: () => Promise<void>;
};

/** Called with a random namespace, lower-case letters and digits; never twice with the same. */
export type Connect = (namespace: string) => UnderTest | Promise<UnderTest>;

export type SuiteType = "order.created" | "order.cancelled";

/** What listens in a case, and what it has seen so far. */
export type Listener = {
  /** Handled without an error, in the order in which the handlers ended. */
  readonly handled: Envelope[];
  /** Every call of the handler, in the order in which they began. */
  readonly begun: Envelope[];
  readonly failures: Failure[];
  readonly subscriber: Subscriber;
};

/** One namespace on the broker, where everything that a case opens is closed at its end. */
export type Bench = {
  readonly transport: Transport;
  readonly probe: Probe;
  publish(envelopes: readonly Envelope[]): Promise<void>;
  /** A subscriber of its own, of group `billing` and type `order.created` unless told otherwise. */
  listen(handler?: Handler, subscription?: Partial<Subscription>): Promise<Listener>;
  /** Resolves when nothing waits for the group any more: then what has not come does not come. */
  drained(group?: string, types?: readonly SuiteType[]): Promise<void>;
};

export type Workshop = {
  /** A bench in a namespace of its own. */
  bench(): Promise<Bench>;
  /** Tries the assertions again until they hold, at most `patienceMs`; then fails with what they said last. */
  eventually(assertions: () => void | Promise<void>): Promise<void>;
};

/** Runs one case, then lets handlers go that still wait for something, and closes in reverse all that it has opened. */
export async function withWorkshop(
  connect: Connect,
  patienceMs: number,
  run: (workshop: Workshop) => Promise<void>,
): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const eventually: Workshop["eventually"] = (assertions) =>
    vi.waitFor(assertions, { timeout: patienceMs, interval: 20 });
  const ended = createGate();
  try {
    await run({ bench: () => openBench(connect, opened, eventually, ended.opened), eventually });
  } finally {
    ended.open();
  }
}

/** The `n`-th message about `key`. */
export function order(key: string, n = 1, type: SuiteType = "order.created"): Envelope<{ readonly n: number }> {
  return createEnvelope({ type, version: "1", key, data: { n } }, { source: "suite", sequence: n });
}

/** `count` first messages about as many keys. */
export function orders(count: number): Envelope[] {
  return Array.from({ length: count }, (_, index) => order(`order-${index + 1}`));
}

export function idsOf(envelopes: readonly Envelope[]): string[] {
  return envelopes.map(({ id }) => id).sort();
}

/** A promise to wait for inside a handler. */
export function createGate(): { readonly opened: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

async function openBench(
  connect: Connect,
  opened: AsyncDisposableStack,
  eventually: Workshop["eventually"],
  ended: Promise<void>,
): Promise<Bench> {
  const { transport, probe, dispose } = await connect(`t${newId().replaceAll("-", "").slice(-10)}`);
  opened.defer(async () => dispose?.());
  let publisher: Promise<Publisher> | undefined;
  return {
    transport,
    probe,
    async publish(envelopes) {
      publisher ??= transport.connectPublisher().then((connected) => opened.use(connected));
      await (await publisher).publish(envelopes);
    },
    async listen(handler = async () => {}, subscription = {}) {
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
    },
    drained: (group = "billing", types = ["order.created"]) =>
      eventually(async () => {
        const { waiting } = await transport.backlog(group, types);
        if (waiting > 0) throw new Error(`${waiting} messages still wait for ${group}`);
      }),
  };
}
