import { type Envelope, parseEnvelope } from "@throughline/envelope";
import type { ConsumeMessage } from "amqplib";
import type { KeyQueue } from "../key-queue.ts";
import { attemptEnvelope } from "../process.ts";
import { toError } from "../reason.ts";
import { type CompleteSubscription, tellFailure } from "../subscription.ts";
import type { Failure } from "../transport.ts";
import { type Outgoing, sendOne } from "./confirms.ts";
import type { Intake } from "./consumer.ts";
import { copyOf, deliveriesBefore, failureOf, type Headers, originOf, withoutHeaders } from "./copy.ts";
import { deliveryLimit, exchangeOf, type Queue } from "./topology.ts";

/** What a delivery needs to know of the channel that it came over, and of the consumer behind that. */
export type Delivery = Intake & {
  readonly works: KeyQueue;
  readonly namespace: string;
  readonly queue: Queue;
  readonly subscription: CompleteSubscription;
};

/**
 * Sees one delivery through: handled and acknowledged, tried again in its place, set aside, or given back. Rejects where
 * the broker may lack the copy that should have taken its place; give the channel up then, and it is delivered again.
 */
export async function seeThrough(message: ConsumeMessage, delivery: Delivery): Promise<void> {
  const { works, queue, isOpen, channel } = delivery;
  if (queue.kind === "work" && message.fields.redelivered) return countDelivery(message, delivery);
  const envelope = envelopeOf(message);
  const hasEnded =
    envelope instanceof Error
      ? await works.add("", () => setAside(message, { error: envelope }, 1, delivery))
      : await handle(message, envelope, delivery);
  if (!hasEnded && isOpen()) channel.nack(message, false, true);
}

/** Resolves with false where the consumer stopped before there was an outcome. */
function handle(message: ConsumeMessage, envelope: Envelope, delivery: Delivery): Promise<boolean> {
  const { works, queue, subscription, isOpen, channel } = delivery;
  const arrival = arrivalOf(message, queue);
  // Losing a connection counts as a delivery on some brokers; so one attempt is left, however often that happened.
  const isCounted = queue.kind === "work" || message.fields.redelivered;
  let attempt = isCounted ? Math.min(deliveriesBefore(message), subscription.attempts - 1) : 0;

  return works.add(envelope.key, async () => {
    if (!isOpen()) return undefined;
    attempt += 1;
    const verdict = await attemptEnvelope(subscription, envelope, attempt, arrival);
    if (verdict.kind === "dead") return setAside(message, { error: verdict.error, envelope }, attempt, delivery);
    if (verdict.kind === "retry") {
      tellFailure(subscription, { error: verdict.error, envelope, deadLettered: false });
      return { delayMs: verdict.delayMs };
    }
    if (isOpen()) channel.ack(message);
    return undefined;
  });
}

/** A copy with the reason takes the message's place, in the dead-letter queue. */
async function setAside(
  message: ConsumeMessage,
  failure: Omit<Failure, "deadLettered">,
  attempts: number,
  delivery: Delivery,
): Promise<undefined> {
  const { namespace, queue, subscription, isOpen } = delivery;
  if (!isOpen()) return;
  const place = { exchange: exchangeOf(namespace, "dead"), routingKey: queue.name };
  try {
    await replace(message, place, { ...originOf(message), ...failureOf(failure.error, attempts) }, delivery);
    tellFailure(subscription, { ...failure, deadLettered: true });
  } catch (error) {
    tellFailure(subscription, { ...failure, deadLettered: false });
    throw error;
  }
}

/**
 * A classic queue counts no deliveries. So a copy with the count takes the place of a message that comes again, at the
 * end of the queue; and what comes again and again, because nobody survives it, is set aside.
 */
async function countDelivery(message: ConsumeMessage, delivery: Delivery): Promise<void> {
  const count = deliveriesBefore(message) + 1;
  if (count >= deliveryLimit) {
    const error = new Error(`Delivered ${count} times without an outcome: it may kill whoever handles it`);
    await setAside(message, { error }, count, delivery);
  } else {
    const place = { exchange: "", routingKey: delivery.queue.name };
    await replace(message, place, { ...originOf(message), "x-delivery-count": count }, delivery);
  }
}

async function replace(
  message: ConsumeMessage,
  place: Pick<Outgoing, "exchange" | "routingKey">,
  headers: Headers,
  { send, isOpen, channel }: Delivery,
): Promise<void> {
  const whole = await sendOne(send, { ...place, ...copyOf(message, headers) });
  // The headers that came, and ours, may be more than amqplib takes; then ours go without them.
  const isTooLong = whole?.cause instanceof RangeError;
  const notConfirmed = isTooLong ? await sendOne(send, { ...place, ...copyOf(withoutHeaders(message), headers) }) : whole;
  if (notConfirmed) throw new Error(`${message.properties.messageId} keeps its place`, { cause: notConfirmed.cause });
  if (isOpen()) channel.ack(message);
}

function envelopeOf({ content }: ConsumeMessage): Envelope | Error {
  try {
    return parseEnvelope(content);
  } catch (thrown) {
    return toError(thrown);
  }
}

function arrivalOf({ properties: { headers } }: ConsumeMessage, { name: destination }: Queue) {
  const traceparent: unknown = headers?.traceparent;
  return { system: "rabbitmq", destination, traceparent: typeof traceparent === "string" ? traceparent : undefined };
}
