import { type Message, SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { newId, parseEnvelope } from "@throughline/envelope";
import { createKeyQueue } from "../key-queue.ts";
import { toError } from "../reason.ts";
import type { DeadLetter, DeadLetterRoad } from "../transport.ts";
import { fromHeaders, groupIdOf } from "./attributes.ts";
import { inTime } from "./clients.ts";
import { toDeadLetter } from "./dead-letter.ts";
import { keepLeases } from "./leases.ts";
import { openQueue } from "./queue.ts";
import { findQueue } from "./queues.ts";
import { pause, startReceiver } from "./receiver.ts";
import type { QueueSettings } from "./subscriber.ts";

type Take = Parameters<DeadLetterRoad["drain"]>[2];
type OnError = NonNullable<Parameters<DeadLetterRoad["drain"]>[3]>;

const lettersAtATime = 10;
const longestLeaseSeconds = 30;
const gatherMs = 20;
const takeWithinMs = 10_000;
/** Until what was not taken is offered again, and until a queue that is not there is looked for again. */
const again = { seconds: 5, queueMs: 1_000 };

/**
 * What a group has set aside, what SQS has, and what SNS could not deliver: all letters of a group are in its two
 * dead-letter queues, whatever their type. SQS redrives only what SQS moved, and only to where it came from, so we
 * receive, send and delete.
 */
export function createDeadLetterRoad(sqs: SQSClient, settings: QueueSettings): DeadLetterRoad {
  const { names, fifo } = settings;
  return {
    async drain(group, _types, take, onError = (error) => process.emitWarning(error)) {
      const drains = [names.deadLetters(group), names.undelivered(group)].map((name) =>
        drainQueue(sqs, name, { group, take, onError, settings }),
      );
      return {
        async [Symbol.asyncDispose]() {
          await Promise.all(drains.map((drain) => drain[Symbol.asyncDispose]()));
        },
      };
    },
    async redeliver(letter) {
      const name = names.queue(letter.group);
      const MessageAttributes = fromHeaders(letter.headers);
      const queue = await findQueue(sqs, name);
      if (queue === undefined) throw new Error(`There is no queue ${name}: start a consumer of ${letter.group} first`);
      const MessageBody = Buffer.from(letter.body).toString();
      const sent = { QueueUrl: queue.url, MessageBody, MessageAttributes, ...(fifo && inGroup(letter)) };
      await sqs.send(new SendMessageCommand(sent), inTime());
    },
  };
}

/** FIFO forgets an id after five minutes, and would until then drop the message without a word. */
function inGroup({ body }: DeadLetter): { readonly MessageGroupId: string; readonly MessageDeduplicationId: string } {
  return { MessageGroupId: groupIdOf(keyIn(body)), MessageDeduplicationId: newId() };
}

/** What is no envelope has no successors to be ahead of. */
function keyIn(body: Uint8Array): string {
  try {
    return parseEnvelope(body).key;
  } catch {
    return "no-envelope";
  }
}

type Drain = {
  readonly group: string;
  readonly take: Take;
  readonly onError: OnError;
  readonly settings: QueueSettings;
};

/** Begins as soon as the queue is there. */
function drainQueue(sqs: SQSClient, name: string, drain: Drain): AsyncDisposable {
  const stopping = new AbortController();
  const started = start();
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      const stop = await started;
      await stop?.();
    },
  };

  async function start(): Promise<(() => Promise<void>) | undefined> {
    while (!stopping.signal.aborted) {
      try {
        const queue = await findQueue(sqs, name);
        if (queue !== undefined) return receiveLetters(sqs, { name, ...queue }, await originOf(sqs, drain), drain);
      } catch (thrown) {
        drain.onError(new Error(`The dead letters in ${name} cannot be read now`, { cause: thrown }));
      }
      await pause(again.queueMs, stopping.signal);
    }
    return undefined;
  }
}

type Origin = Parameters<typeof toDeadLetter>[1];

async function originOf(sqs: SQSClient, { group, settings: { names } }: Drain): Promise<Origin> {
  const queueName = names.queue(group);
  const { attributes = {} } = (await findQueue(sqs, queueName)) ?? {};
  const policy = JSON.parse(attributes.RedrivePolicy || "{}") as { readonly maxReceiveCount?: number | string };
  return { group, queueName, maxReceiveCount: Number(policy.maxReceiveCount ?? 0) };
}

function receiveLetters(
  sqs: SQSClient,
  { name, url }: { readonly name: string; readonly url: string },
  origin: Origin,
  { group, take, onError, settings }: Drain,
) {
  const leaseSeconds = Math.min(settings.visibilityTimeoutSeconds, longestLeaseSeconds);
  const queue = openQueue(sqs, url, { name, group, leaseSeconds, gatherMs });
  const extend = (receiptHandle: string) => queue.hide(receiptHandle, leaseSeconds);
  const leases = keepLeases({ firstSeconds: leaseSeconds, seconds: leaseSeconds, extend, onLost: onError });
  const works = createKeyQueue(lettersAtATime);
  const stop = startReceiver({
    receive: queue.receive,
    works,
    waitTimeSeconds: settings.waitTimeSeconds,
    gatherMs: 0,
    onError,
    handle: handOver,
  });
  return async () => {
    await stop();
    leases[Symbol.dispose]();
  };

  /** Deleted only once it is taken: where the process ends before, it comes again. */
  async function handOver(message: Message): Promise<void> {
    const receiptHandle = message.ReceiptHandle ?? "";
    const letGo = leases.hold(receiptHandle);
    let settle = () => queue.hide(receiptHandle, 0);
    try {
      await works.add(message.Attributes?.MessageGroupId ?? receiptHandle, async () => {
        settle = () => queue.hide(receiptHandle, again.seconds);
        await inTakingTime(take(toDeadLetter(message, origin)));
        settle = () => queue.remove(message);
        return undefined;
      });
    } catch (thrown) {
      onError(toError(thrown));
    }
    await letGo();
    await settle().catch((cause: unknown) => onError(new Error("A dead letter will be offered again", { cause })));
  }
}

/** A letter that is never taken must not keep the drain from closing. */
async function inTakingTime(taking: Promise<void>): Promise<void> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const late = () => reject(new Error(`A dead letter was not taken within ${takeWithinMs} ms`));
  const timer = setTimeout(late, takeWithinMs);
  try {
    await Promise.race([taking, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
