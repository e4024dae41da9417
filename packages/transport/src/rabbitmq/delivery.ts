import { type Envelope, parseEnvelope, RejectedError } from "@throughline/envelope";
import type { ConsumeMessage } from "amqplib";
import type { KeyQueue, Pause } from "../key-queue.ts";
import { attemptEnvelope, giveUp, type Verdict } from "../process.ts";
import { toError } from "../reason.ts";
import { type CompleteSubscription, tellFailure } from "../subscription.ts";
import { traceparentOf } from "./acknowledge.ts";
import type { Outgoing } from "./confirms.ts";
import type { Intake } from "./consumer.ts";
import type { Copier } from "./copier.ts";
import { copyOf, deliveriesBefore, failureOf, type Headers, originOf, withoutHeaders } from "./copy.ts";
import { exchangeOf, type Queue } from "./topology.ts";

/** What a delivery needs to know of the channel that it came over, and of the consumer behind that. */
export type Delivery = Intake & {
  readonly copier: Copier;
  readonly works: KeyQueue;
  readonly namespace: string;
  readonly queue: Queue;
  readonly subscription: CompleteSubscription;
};

type Work = () => Promise<Pause | undefined>;
type Arrange = (work: Work) => Work;

/**
 * Sees each delivery through: handled and acknowledged, tried again in its place, set aside, or given back. Rejects where
 * the broker may lack the copy that should have taken its place; give the channel up then, and it is delivered again. Where
 * the subscriber closes, it is given back instead, for others of the channel are still about to be acknowledged.
 *
 * A delivery without an outcome was an attempt. But who kills its consumer takes along what that had in hand besides. So
 * the last attempt is made in turn, one by one in the order of the queue, each when the one before is acknowledged. Then
 * the first that comes again after its last attempt is the culprit: it is set aside, and the others get another.
 */
export function createReceiver(delivery: Delivery): (message: ConsumeMessage) => Promise<void> {
  const { queue, subscription } = delivery;
  const { attempts } = subscription;
  const { inTurn, afterTurns } = createTurns(delivery);
  let hasCondemned = false;

  return async (message) => {
    const before = deliveriesBefore(message, queue.kind);
    if (before >= attempts && !hasCondemned) {
      hasCondemned = true;
      await condemn(message, before, delivery);
    } else if (queue.kind === "work" && message.fields.redelivered) {
      const pause = await inTurn(() => putBehind(message, before, delivery))();
      if (pause) await giveBack(message, false, delivery);
    } else {
      const arrange = before === 0 ? atOnce : before >= attempts - 1 ? inTurn : afterTurns;
      await attempt(message, Math.min(before, attempts - 1), arrange, delivery);
    }
  };
}

async function attempt(message: ConsumeMessage, before: number, arrange: Arrange, delivery: Delivery): Promise<void> {
  const { subscription, queue } = delivery;
  const arrival = arrivalOf(message, queue);
  const envelope = envelopeOf(message);
  let attempts = before;
  const work = arrange(async () => {
    attempts += 1;
    const verdict: Verdict =
      envelope instanceof Error
        ? { kind: "dead", error: envelope }
        : await attemptEnvelope(subscription, envelope, attempts, arrival);
    return act(verdict, message, envelope, attempts, delivery);
  });
  const hasEnded = await run(work, envelope, delivery);
  if (!hasEnded) await giveBack(message, attempts > before, delivery);
}

async function condemn(message: ConsumeMessage, before: number, delivery: Delivery): Promise<void> {
  const error = new Error(`${before} deliveries had no outcome: it may end whoever handles it`);
  const envelope = envelopeOf(message);
  const work = async () => {
    const verdict: Verdict =
      envelope instanceof Error
        ? { kind: "dead", error }
        : await giveUp(delivery.subscription, envelope, before, error);
    return act(verdict, message, envelope, before, delivery);
  };
  const hasEnded = await run(work, envelope, delivery);
  if (!hasEnded) await giveBack(message, false, delivery);
}

/** Resolves with false where the consumer stopped before there was an outcome. */
function run(work: Work, envelope: Envelope | Error, { works, isOpen }: Delivery): Promise<boolean> {
  const key = envelope instanceof Error ? "" : envelope.key;
  return works.add(key, async () => (isOpen() ? work() : undefined));
}

async function act(
  verdict: Verdict,
  message: ConsumeMessage,
  given: Envelope | Error,
  attempts: number,
  delivery: Delivery,
): Promise<Pause | undefined> {
  const { subscription, isOpen, settle } = delivery;
  if (verdict.kind === "done") {
    settle(message);
    return undefined;
  }
  const { error } = verdict;
  const failure = given instanceof Error ? { error } : { error, envelope: given };
  if (verdict.kind === "retry") {
    tellFailure(subscription, { ...failure, deadLettered: false });
    return { delayMs: verdict.delayMs };
  }
  if (!isOpen()) return undefined;
  // What fails while this closes may fail because of that: whoever has the message next decides.
  if (delivery.copier.closing.aborted && !(error instanceof RejectedError)) return { delayMs: 0 };
  try {
    const pause = await setAside(message, error, attempts, delivery);
    tellFailure(subscription, { ...failure, deadLettered: pause === undefined });
    return pause;
  } catch (thrown) {
    tellFailure(subscription, { ...failure, deadLettered: false });
    throw thrown;
  }
}

/** A copy with the reason takes the message's place, in the dead-letter queue. */
function setAside(
  message: ConsumeMessage,
  error: Error,
  attempts: number,
  delivery: Delivery,
): Promise<Pause | undefined> {
  const place = { exchange: exchangeOf(delivery.namespace, "dead"), routingKey: delivery.queue.name };
  return replace(message, place, { ...originOf(message), ...failureOf(error, attempts) }, delivery);
}

/** A classic queue counts no deliveries: a copy with the count takes the message's place, at the end of the queue. */
function putBehind(message: ConsumeMessage, count: number, delivery: Delivery): Promise<Pause | undefined> {
  const place = { exchange: "", routingKey: delivery.queue.name };
  return replace(message, place, { ...originOf(message), "x-delivery-count": count }, delivery);
}

/** Resolves with a pause, which ends in `giveBack`, where the subscriber closes and the broker may lack the copy. */
async function replace(
  message: ConsumeMessage,
  place: Pick<Outgoing, "exchange" | "routingKey">,
  headers: Headers,
  { copier, settle }: Delivery,
): Promise<Pause | undefined> {
  const whole = await copier.send({ ...place, ...copyOf(message, headers) });
  // The headers that came, and ours, may be more than amqplib takes; then ours go without them.
  const isTooLong = whole?.cause instanceof RangeError;
  const notConfirmed = isTooLong ? await copier.send({ ...place, ...copyOf(withoutHeaders(message), headers) }) : whole;
  if (notConfirmed && copier.closing.aborted) return { delayMs: 0 };
  if (notConfirmed) throw new Error(`${message.properties.messageId} keeps its place`, { cause: notConfirmed.cause });
  settle(message);
  return undefined;
}

/** From RabbitMQ 4.3 on, what was begun counts as a delivery and what was not does not; before, both do. */
async function giveBack(
  message: ConsumeMessage,
  hasBegun: boolean,
  { left, isOpen, channel }: Delivery,
): Promise<void> {
  await left;
  if (!isOpen()) return;
  if (hasBegun) channel.reject(message, true);
  else channel.nack(message, false, true);
}

function atOnce(work: Work): Work {
  return work;
}

/** In turn: one at a time, and none before the broker has the acknowledgement of the one before it. */
function createTurns({ channel, isOpen, queue }: Delivery): { readonly inTurn: Arrange; readonly afterTurns: Arrange } {
  let last: Promise<unknown> = Promise.resolve();
  const afterTurns: Arrange = (work) => () => last.then(work);
  const inTurn: Arrange = (work) => () => {
    const turn = last.then(async () => {
      const pause = await work();
      // A channel does what it is told in order: with this answer, the acknowledgement is there.
      if (isOpen()) await channel.checkQueue(queue.name);
      return pause;
    });
    last = Promise.allSettled([turn]);
    return turn;
  };
  return { inTurn, afterTurns };
}

function envelopeOf({ content }: ConsumeMessage): Envelope | Error {
  try {
    return parseEnvelope(content);
  } catch (thrown) {
    return toError(thrown);
  }
}

function arrivalOf(message: ConsumeMessage, { name: destination }: Queue) {
  const sentAt = Number(message.properties.headers?.sentAt);
  return { system: "rabbitmq", destination, sentAt, traceparent: traceparentOf(message) };
}
