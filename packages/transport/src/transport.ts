import type { Envelope, Handler } from "@throughline/envelope";

export interface Publisher extends AsyncDisposable {
  /**
   * Resolves once the broker has every envelope. Rejects with a `PublishError` that names those it may lack, so that
   * they are published again; with any other error, it may lack all of them. Envelopes of one key arrive in the order
   * given, also when some fail: none goes out before the one ahead of it is with the broker.
   */
  publish(envelopes: readonly Envelope[]): Promise<void>;
}

export interface Subscriber extends AsyncDisposable {
  /**
   * Resolves once messages published from now on will reach the handler. Rejects with an `AwayError` where the same may
   * go well later, as `connectSubscriber` and `drain` do. Disposing the subscriber stops the intake and
   * waits for the handlers in flight; what it had fetched and not begun goes back to the broker.
   */
  subscribe(subscription: Subscription): Promise<void>;
}

export type Subscription = {
  /** Subscribers of one group share the work; every group gets every message. `billing`, `billing.work`. */
  readonly group: string;
  readonly types: readonly string[];
  readonly handler: Handler;
  /** Envelopes handled at the same time, never two of one key where the transport keeps order. Default: 10. */
  readonly concurrency?: number;
  /** How long a handler may take, in milliseconds, before the attempt counts as failed. Default: 30,000. */
  readonly timeoutMs?: number;
  /** Deliveries before a failing message is set aside with its reason. Default: 3. */
  readonly attempts?: number;
  /** Pause before the second attempt, in milliseconds; it doubles with each further one. Default: 1,000. */
  readonly retryDelayMs?: number;
  /**
   * Types of which each attempt begins a trace of its own, with a link to the one that the message was created in. Default:
   * none, and all that follows from a message stays in its trace.
   */
  readonly links?: readonly string[];
  /** Told of every failed attempt and of every message set aside, because the subscriber itself goes on. */
  readonly onFailure?: (failure: Failure) => void;
  /**
   * Awaited before a message is set aside, so that a note of it (its key is to wait, say) is kept before anything behind
   * it is handled. Where it rejects, the message is not set aside yet and comes again. Default: nothing.
   */
  readonly beforeDead?: (envelope: Envelope, error: Error) => Promise<void>;
};

export type Failure = {
  readonly error: Error;
  /** Absent where the bytes were no envelope. */
  readonly envelope?: Envelope;
  readonly deadLettered: boolean;
};

/** What a group still has before it, messages in hand included, and what it has set aside. Counted in messages. */
export type Backlog = { readonly waiting: number; readonly deadLetters: number };

/** A message that a group has set aside, as it came. */
export type DeadLetter = {
  readonly group: string;
  /** The topic or queue it was read from, namespace included; on Kafka with its place there, and its key. */
  readonly origin: {
    readonly name: string;
    readonly partition?: number;
    readonly offset?: string;
    readonly key?: string;
  };
  readonly body: Uint8Array;
  /** As they came with the message, without what was added about the failure. */
  readonly headers: Readonly<Record<string, string>>;
  readonly error: { readonly name: string; readonly message: string; readonly stack?: string };
  readonly attempts: number;
  readonly failedAt: Date;
};

/** What becomes of dead letters on one broker. */
export interface DeadLetterRoad {
  /**
   * Hands over what `group` has set aside, and goes on with what follows, until disposed. What `take` resolves for is
   * gone from the broker; where it rejects, or the process dies, the letter stays and comes again.
   */
  drain(
    group: string,
    types: readonly string[],
    take: (letter: DeadLetter) => Promise<void>,
    onError?: (error: Error) => void,
  ): Promise<AsyncDisposable>;
  /** Puts the message back where it was read from, with the bytes and headers that it had. Resolves once it is there. */
  redeliver(letter: DeadLetter): Promise<void>;
}

/** One broker under one namespace: makes the pair, each with connections of its own. */
export interface Transport {
  readonly name: string;
  connectPublisher(): Promise<Publisher>;
  connectSubscriber(): Promise<Subscriber>;
  /** What waits for `group`; rejects, with the reason, where the broker does not answer. */
  backlog(group: string, types: readonly string[]): Promise<Backlog>;
  readonly deadLetters: DeadLetterRoad;
  /**
   * Where messages of a type go, as OpenTelemetry has it: `messaging.system`, and the topic or exchange, namespace
   * included. Throws where the broker can have no such name. Absent: traces know the road's name alone.
   */
  readonly destinationOf?: (type: string) => { readonly system: string; readonly destination: string };
}
