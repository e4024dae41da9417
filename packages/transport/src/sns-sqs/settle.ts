import type { Message, SQSClient } from "@aws-sdk/client-sqs";
import type { Envelope } from "@throughline/envelope";
import type { Verdict } from "../process.ts";
import { toError } from "../reason.ts";
import { type CompleteSubscription, retryDelayMs, tellFailure } from "../subscription.ts";
import { sendToDeadLetters } from "./dead-letter.ts";
import type { Queue } from "./queue.ts";
import type { GroupQueues } from "./topology.ts";

/** What became of a message: a verdict on an attempt, or no attempt, because the subscriber was closed first. */
export type Outcome = {
  readonly verdict: Verdict | { readonly kind: "unbegun" };
  /** The deliveries of this message so far, by all processes. */
  readonly attempt: number;
  readonly envelope?: Envelope;
  readonly subscription: CompleteSubscription;
};

export type Settling = {
  readonly sqs: SQSClient;
  readonly queue: Queue;
  readonly queues: GroupQueues;
  /** Ends the extension of the message's lease. */
  readonly letGo: () => Promise<void>;
};

/**
 * Tells SQS, and then whom it concerns, what became of the message. Never rejects: where SQS does not take the answer,
 * the message stays in the queue and comes back when its lease is over.
 */
export async function settle(message: Message, outcome: Outcome, settling: Settling): Promise<void> {
  const { verdict, attempt, subscription } = outcome;
  switch (verdict.kind) {
    case "done":
      await remove(message, outcome, settling);
      return;
    case "unbegun":
      await putBack(message, 0, outcome, settling);
      return;
    case "retry":
      await putBack(message, verdict.delayMs, outcome, settling);
      tell(outcome, verdict.error, false);
      return;
    case "dead":
      try {
        await sendToDeadLetters(settling.sqs, settling.queues, message, { error: verdict.error, attempt });
      } catch (cause) {
        await putBack(message, retryDelayMs(subscription, attempt), outcome, settling);
        tell(outcome, new Error(`Not written to the dead letters: ${verdict.error.message}`, { cause }), false);
        return;
      }
      await remove(message, outcome, settling);
      tell(outcome, verdict.error, true);
  }
}

async function remove(message: Message, outcome: Outcome, { queue, letGo }: Settling): Promise<void> {
  // An extension that came after this would fail for a message that is no more.
  await letGo();
  try {
    await queue.remove(message.ReceiptHandle ?? "");
  } catch (cause) {
    tell(outcome, new Error("Settled but not deleted, so it will be delivered again", { cause }), false);
  }
}

async function putBack(message: Message, delayMs: number, outcome: Outcome, { queue, letGo }: Settling): Promise<void> {
  // An extension that came after this would hide the message for a whole lease.
  await letGo();
  try {
    await queue.hide(message.ReceiptHandle ?? "", Math.ceil(delayMs / 1_000));
  } catch (thrown) {
    tell(outcome, toError(thrown), false);
  }
}

function tell({ subscription, envelope }: Outcome, error: Error, deadLettered: boolean): void {
  tellFailure(subscription, { error, deadLettered, ...(envelope === undefined ? {} : { envelope }) });
}
