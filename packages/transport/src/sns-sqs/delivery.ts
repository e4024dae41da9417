import type { Message, SQSClient } from "@aws-sdk/client-sqs";
import { type Envelope, parseEnvelope } from "@throughline/envelope";
import type { KeyQueue, Pause } from "../key-queue.ts";
import { attemptEnvelope, type Verdict } from "../process.ts";
import { toError } from "../reason.ts";
import { type CompleteSubscription, retryDelayMs, tellFailure } from "../subscription.ts";
import { traceparentOf } from "./attributes.ts";
import { sendToDeadLetters } from "./dead-letter.ts";
import type { Leases } from "./leases.ts";
import type { Queue } from "./queue.ts";
import type { Received } from "./receiver.ts";
import type { GroupQueues } from "./topology.ts";

/** What a delivery needs to know of the consumer that it came to. */
export type Intake = {
  readonly sqs: SQSClient;
  readonly queue: Queue;
  readonly queues: GroupQueues;
  readonly works: KeyQueue;
  readonly leases: Leases;
  readonly fifo: boolean;
  readonly subscription: CompleteSubscription;
};

type Delivery = {
  readonly message: Message;
  readonly received: Received;
  /** Where the queue keeps order, messages of one lane are handled one after another. */
  readonly lane: string;
  /** Ends the extension of the message's lease. */
  readonly letGo: () => Promise<void>;
  /** The attempts at this message so far, by all processes: SQS counts deliveries, and we those without a new one. */
  attempt: number;
};

type Outcome = {
  /** `elsewhere`: another process may know what to do with it. */
  readonly verdict: Verdict | { readonly kind: "elsewhere"; readonly delayMs: number; readonly error: Error };
  readonly envelope?: Envelope;
};

/** Of the receives whose rest is on its way back: the lanes for which that is so. SQS hands out a group in one receive. */
const returning = new WeakMap<Received, Set<string>>();

/**
 * Sees one delivery through: handled and deleted, tried again, set aside, or given back. Never rejects: where SQS does
 * not take the answer, the message stays in the queue and comes back when its lease is over.
 *
 * A standard queue has a failed message back, hidden, until its next attempt. After the last one that has yet to be noted
 * or set aside it stays in hand, because SQS would set it aside without a reason. On FIFO a failed message always does,
 * and with it what is behind it: given back, all of them would come again, and each time would count as an attempt at
 * every one.
 */
export async function seeThrough(message: Message, received: Received, intake: Intake): Promise<void> {
  const { works, leases, fifo } = intake;
  const receiptHandle = message.ReceiptHandle ?? "";
  const delivery = {
    message,
    received,
    lane: (fifo && message.Attributes?.MessageGroupId) || receiptHandle,
    letGo: leases.hold(receiptHandle),
    attempt: Number(message.Attributes?.ApproximateReceiveCount ?? 1) - 1,
  };
  let settled: Promise<Pause | undefined> | undefined;
  const hasEnded = await works.add(delivery.lane, async () => {
    if (returning.get(received)?.has(delivery.lane)) return void (await putBack(delivery, 0, intake));
    delivery.attempt += 1;
    const outcome = await attemptMessage(delivery, intake);
    if (fifo && outcome.verdict.kind === "elsewhere") markReturning(received, delivery.lane);
    settled = settle(delivery, outcome, intake);
    // Nothing waits for the delete of what is done, but on FIFO, so its place is free at once.
    return fifo || outcome.verdict.kind !== "done" ? settled : undefined;
  });
  if (!hasEnded) await putBack(delivery, 0, intake);
  await settled;
}

async function attemptMessage(delivery: Delivery, { subscription, queues }: Intake): Promise<Outcome> {
  const { message, received, attempt } = delivery;
  let envelope: Envelope;
  try {
    envelope = parseEnvelope(message.Body ?? "");
  } catch (thrown) {
    return { verdict: { kind: "dead", error: toError(thrown) } };
  }
  if (!subscription.types.includes(envelope.type))
    return { verdict: strange(envelope, attempt, subscription), envelope };
  const sentAt = Number(message.Attributes?.SentTimestamp);
  const place = { system: "aws_sqs", destination: queues.name };
  const arrival = { ...place, traceparent: traceparentOf(message), sentAt, received: received.span };
  return { verdict: await attemptEnvelope(subscription, envelope, attempt, arrival), envelope };
}

/** The queue gets a type that nobody here handles: in a rolling deployment, another process may. */
function strange({ type }: Envelope, attempt: number, subscription: CompleteSubscription): Outcome["verdict"] {
  const error = new Error(`${subscription.group} has no subscription to ${type} in this process`);
  if (attempt >= subscription.attempts) return { kind: "dead", error };
  return { kind: "elsewhere", delayMs: retryDelayMs(subscription, attempt), error };
}

/** Tells SQS, and then whom it concerns, what became of the message. A pause where it stays in hand until tried again. */
async function settle(delivery: Delivery, outcome: Outcome, intake: Intake): Promise<Pause | undefined> {
  const { verdict } = outcome;
  switch (verdict.kind) {
    case "done":
      await remove(delivery, outcome, intake);
      return undefined;
    case "elsewhere":
      await putBack(delivery, verdict.delayMs, intake);
      tell(outcome, verdict.error, intake);
      return undefined;
    case "retry":
      return tryAgain(delivery, verdict.delayMs, outcome, verdict.error, intake);
    case "dead":
      return setAside(delivery, outcome, verdict.error, intake);
  }
}

async function tryAgain(
  delivery: Delivery,
  delayMs: number,
  outcome: Outcome,
  error: Error,
  intake: Intake,
): Promise<Pause | undefined> {
  const staysInHand = intake.fifo || delivery.attempt >= intake.subscription.attempts;
  if (!staysInHand) await putBack(delivery, delayMs, intake);
  tell(outcome, error, intake);
  return staysInHand ? { delayMs } : undefined;
}

async function setAside(
  delivery: Delivery,
  outcome: Outcome,
  error: Error,
  intake: Intake,
): Promise<Pause | undefined> {
  const { message, attempt } = delivery;
  try {
    await sendToDeadLetters(intake.sqs, intake.queues, message, { error, attempt });
  } catch (cause) {
    const notWritten = new Error(`Not written to the dead letters: ${error.message}`, { cause });
    return tryAgain(delivery, retryDelayMs(intake.subscription, attempt), outcome, notWritten, intake);
  }
  await remove(delivery, outcome, intake);
  tellFailure(intake.subscription, { error, deadLettered: true, ...ofEnvelope(outcome) });
  return undefined;
}

async function remove({ message, letGo }: Delivery, outcome: Outcome, intake: Intake): Promise<void> {
  // An extension that came after this would fail for a message that is no more.
  await letGo();
  try {
    await intake.queue.remove(message);
  } catch (cause) {
    tell(outcome, new Error("Settled but not deleted, so it will be delivered again", { cause }), intake);
  }
}

async function putBack({ message, letGo }: Delivery, delayMs: number, intake: Intake): Promise<void> {
  // An extension that came after this would hide the message for a whole lease.
  await letGo();
  try {
    await intake.queue.hide(message.ReceiptHandle ?? "", Math.ceil(delayMs / 1_000));
  } catch (thrown) {
    tell({}, toError(thrown), intake);
  }
}

function markReturning(received: Received, lane: string): void {
  returning.set(received, (returning.get(received) ?? new Set()).add(lane));
}

function tell(outcome: Pick<Outcome, "envelope">, error: Error, { subscription }: Intake): void {
  tellFailure(subscription, { error, deadLettered: false, ...ofEnvelope(outcome) });
}

function ofEnvelope({ envelope }: Pick<Outcome, "envelope">): Pick<Outcome, "envelope"> {
  return envelope === undefined ? {} : { envelope };
}
