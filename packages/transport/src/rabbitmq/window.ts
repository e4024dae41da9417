import type { Envelope } from "@throughline/envelope";
import { PublishError } from "../publish-error.ts";
import type { NotConfirmed, Settled } from "./confirms.ts";
import type { KeptOpen } from "./keep-open.ts";

export type SendEnvelope = (envelope: Envelope, settled: Settled) => void;

export type Window = {
  /** Rejects with a `PublishError` that names what the broker may lack. */
  publish(envelopes: readonly Envelope[]): Promise<void>;
  /** Sends nothing any more. Resolves when what was sent is settled. */
  close(): Promise<void>;
};

/** Messages taken up and not yet settled, at most, over all calls: with the broker, or behind one of their key. */
const windowSize = 1_000;
/** A call gives up when so much time passes without a confirm: broker down, connection blocked, line dead. */
const stallMs = 10_000;

const notInTime: NotConfirmed = {
  refused: false,
  cause: new Error(`RabbitMQ confirmed nothing for ${stallMs} ms, or the publisher was closed`),
};
const notSent: NotConfirmed = { refused: false, cause: new Error("Not sent, because one of its key failed before it") };

type Call = {
  readonly envelopes: readonly Envelope[];
  readonly missing: Map<Envelope, NotConfirmed>;
  readonly failedKeys: Set<string>;
  readonly end: () => void;
  readonly stall: NodeJS.Timeout;
  /** The first of the envelopes that is not taken up. */
  next: number;
  /** Envelopes without an outcome; none once the call is over. */
  open: number;
};

type Item = { readonly envelope: Envelope; readonly call: Call };

/**
 * Keys side by side; the envelopes of one key one after another, each once the one before it is confirmed. While the
 * broker takes nothing, no more is held than the window: what its call no longer waits for is not sent.
 */
export function openWindow(channel: KeptOpen<SendEnvelope>): Window {
  /** Calls with envelopes that are not taken up. */
  let calls: Call[] = [];
  /** Per key that is taken up: what waits behind it. */
  const lanes = new Map<string, Item[] | undefined>();
  const ready: Item[] = [];
  const emptied = Promise.withResolvers<void>();
  let taken = 0;
  let isAdvancing = false;
  let awaitsChannel = false;
  let isClosed = false;

  return {
    async publish(envelopes) {
      if (envelopes.length === 0) return;
      const { promise: ended, resolve: end } = Promise.withResolvers<void>();
      const missing = new Map(envelopes.map((envelope) => [envelope, notInTime]));
      const stall = setTimeout(end, stallMs);
      const call = { envelopes, missing, failedKeys: new Set<string>(), end, stall, next: 0, open: envelopes.length };
      calls.push(call);
      if (isClosed) drop(call);
      advance();
      await ended;
      clearTimeout(stall);
      call.open = 0;
      calls = calls.filter((other) => other !== call);
      if (missing.size > 0) throw new PublishError([...missing].map(([{ id }, failure]) => ({ id, ...failure })));
    },
    async close() {
      isClosed = true;
      for (const call of calls) drop(call);
      if (taken > 0) await emptied.promise;
    },
  };

  /** Sends what has a place in the window. What is settled meanwhile is left to the loop. */
  function advance(): void {
    if (isAdvancing) return;
    isAdvancing = true;
    let send = channel.now();
    while (send) {
      const item = ready.shift() ?? takeUp();
      if (item === undefined) break;
      start(item, send);
      send = channel.now();
    }
    isAdvancing = false;
    if (send === undefined) void advanceLater();
  }

  async function advanceLater(): Promise<void> {
    if (awaitsChannel) return;
    awaitsChannel = true;
    await channel.current();
    awaitsChannel = false;
    advance();
  }

  function takeUp(): Item | undefined {
    for (let [call] = calls; call && taken < windowSize; [call] = calls) {
      const envelope = call.envelopes[call.next];
      if (envelope === undefined) calls.shift();
      else {
        call.next += 1;
        taken += 1;
        const item = { envelope, call };
        if (!lanes.has(envelope.key)) {
          lanes.set(envelope.key, undefined);
          return item;
        }
        const behind = lanes.get(envelope.key);
        if (behind) behind.push(item);
        else lanes.set(envelope.key, [item]);
      }
    }
    return undefined;
  }

  function start(item: Item, send: SendEnvelope): void {
    const { envelope, call } = item;
    if (call.open === 0 || isClosed) settle(item, notInTime);
    else if (call.failedKeys.has(envelope.key)) settle(item, notSent);
    else {
      send(envelope, (failure) => {
        settle(item, failure);
        advance();
      });
    }
  }

  function settle({ envelope, call }: Item, failure: NotConfirmed | undefined): void {
    taken -= 1;
    if (taken === 0 && isClosed) emptied.resolve();
    const behind = lanes.get(envelope.key);
    const successor = behind?.shift();
    if (successor) ready.push(successor);
    else lanes.delete(envelope.key);
    if (call.open === 0) return;
    call.stall.refresh();
    if (failure === undefined) call.missing.delete(envelope);
    else {
      call.missing.set(envelope, failure);
      call.failedKeys.add(envelope.key);
    }
    call.open -= 1;
    if (call.open === 0) call.end();
  }
}

/** Its envelopes that are not taken up will not be. */
function drop(call: Call): void {
  call.open -= call.envelopes.length - call.next;
  call.next = call.envelopes.length;
  if (call.open === 0) call.end();
}
