import type { SpanContext } from "@opentelemetry/api";
import { type Envelope, parseEnvelope } from "@throughline/envelope";
import type { Pause } from "../key-queue.ts";
import { attemptEnvelope, giveUp } from "../process.ts";
import { toError } from "../reason.ts";
import { type CompleteSubscription, retryDelayMs, tellFailure } from "../subscription.ts";
import type { Attempt } from "./intake.ts";
import type { KafkaMessage } from "./library.ts";
import { headerOf, redeliveryHeader } from "./records.ts";

/** Resolves when the dead letter is with the broker. */
export type SetAside = (message: KafkaMessage, attempts: number, error: Error) => Promise<void>;

type Fate = { readonly error: Error; readonly envelope?: Envelope; readonly attempts: number };

/** Handles one message of a subscription, and sets it aside once no further attempt will be made. */
export function attemptsAt(
  message: KafkaMessage,
  subscription: CompleteSubscription,
  setAside: SetAside,
  received?: SpanContext,
): Attempt {
  let fate: Fate | undefined;
  /** Known with the first attempt here: those before it, elsewhere, were all that there may be. */
  let isUsedUp: boolean | undefined;

  return async (tried) => {
    if ((headerOf(message, redeliveryHeader) ?? subscription.group) !== subscription.group) return undefined;
    const pause = fate === undefined ? await attempt(tried) : undefined;
    return pause ?? (fate === undefined ? undefined : setAsideAs(fate));
  };

  async function attempt(tried: number): Promise<Pause | undefined> {
    let envelope: Envelope;
    try {
      envelope = parseEnvelope(message.value ?? "");
    } catch (thrown) {
      fate = { error: toError(thrown), attempts: 1 };
      return undefined;
    }
    const attempts = Math.min(tried + 1, subscription.attempts);
    isUsedUp ??= tried >= subscription.attempts;
    const [traceparent, sentAt] = [headerOf(message, "traceparent"), Number(message.timestamp)];
    const arrival = { system: "kafka", destination: message.topic, traceparent, sentAt, received };
    const verdict = isUsedUp
      ? await giveUp(subscription, envelope, attempts, new Error(usedUp(attempts)))
      : await attemptEnvelope(subscription, envelope, attempts, arrival);
    if (verdict.kind === "retry") {
      tellFailure(subscription, { error: verdict.error, envelope, deadLettered: false });
      return verdict;
    }
    if (verdict.kind === "dead") fate = { error: verdict.error, envelope, attempts };
    return undefined;
  }

  /** Until the dead letter is with the broker, the offset does not move, and the key waits. */
  async function setAsideAs({ attempts, ...failure }: Fate): Promise<Pause | undefined> {
    try {
      await setAside(message, attempts, failure.error);
      tellFailure(subscription, { ...failure, deadLettered: true });
      return undefined;
    } catch (cause) {
      const error = new Error(`The dead letter of ${message.topic} could not be written yet`, { cause });
      tellFailure(subscription, { ...failure, error, deadLettered: false });
      return { delayMs: retryDelayMs(subscription, attempts) };
    }
  }
}

function usedUp(attempts: number): string {
  return `All ${attempts} attempts are used up without an outcome: whoever made them may have died of it`;
}
