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
   * Resolves once messages published from now on will reach the handler. Disposing the subscriber stops the intake and
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
  /** Told of every failed attempt and of every message set aside, because the subscriber itself goes on. */
  readonly onFailure?: (failure: Failure) => void;
};

export type Failure = {
  readonly error: Error;
  /** Absent where the bytes were no envelope. */
  readonly envelope?: Envelope;
  readonly deadLettered: boolean;
};

/** What a group still has before it, messages in hand included, and what it has set aside. Counted in messages. */
export type Backlog = { readonly waiting: number; readonly deadLetters: number };

/** One broker under one namespace: makes the pair, each with connections of its own. */
export interface Transport {
  readonly name: string;
  connectPublisher(): Promise<Publisher>;
  connectSubscriber(): Promise<Subscriber>;
  /** What waits for `group`; rejects, with the reason, where the broker does not answer. */
  backlog(group: string, types: readonly string[]): Promise<Backlog>;
}
