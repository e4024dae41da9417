import { NotFoundException, PublishBatchCommand, SNSServiceException } from "@aws-sdk/client-sns";
import { createKeyQueue } from "../key-queue.ts";
import { PublishError, type PublishFailure } from "../publish-error.ts";
import { toError } from "../reason.ts";
import type { Publisher } from "../transport.ts";
import { groupIdOf } from "./attributes.ts";
import { type Batch, type Entry, nextBatches, toEntry } from "./batches.ts";
import { type Account, createClients, inTime } from "./clients.ts";
import type { Names } from "./names.ts";
import { declareTopic } from "./topology.ts";

const callsInFlight = 10;

/** One call of `publish`: what failed so far. */
type Run = { readonly failures: PublishFailure[]; readonly keysBehind: Set<string>; outage?: Error };

export function createPublisher(account: Account, names: Names, fifo: boolean): Publisher {
  const clients = createClients(account);
  const calls = createKeyQueue(callsInFlight);
  const topicArns = new Map<string, Promise<string>>();
  let callCount = 0;

  return {
    async publish(envelopes) {
      const run: Run = { failures: [], keysBehind: new Set() };
      let waiting = envelopes.map(toEntry);
      while (waiting.length > 0) {
        const { batches, later } = nextBatches(waiting, fifo);
        await Promise.all(batches.map((batch) => sendInTurn(batch, run)));
        waiting = later;
      }
      if (run.outage !== undefined && run.failures.length === envelopes.length) {
        throw new Error(`SNS took none of ${envelopes.length} envelopes`, { cause: run.outage });
      }
      if (run.failures.length > 0) throw new PublishError(run.failures);
    },
    async [Symbol.asyncDispose]() {
      await calls.stop();
      clients.destroy();
    },
  };

  async function sendInTurn(batch: Batch, run: Run): Promise<void> {
    callCount += 1;
    const work = async () => {
      await send(batch, run);
      return undefined;
    };
    const began = await calls.add(String(callCount), work);
    if (!began) fail(batch, run, { refused: false, cause: new Error("The publisher is closed") });
  }

  async function send(batch: Batch, run: Run): Promise<void> {
    const ready = batch.filter(({ envelope }) => !run.keysBehind.has(envelope.key));
    const behind = batch.filter((entry) => !ready.includes(entry));
    fail(behind, run, { refused: false, cause: new Error("Not sent, because one ahead of it failed") });
    const [first] = ready;
    if (first === undefined) return;
    if (run.outage !== undefined) return fail(ready, run, { refused: false, cause: run.outage });
    try {
      await call(first.envelope.type, ready, run);
    } catch (thrown) {
      const error = toError(thrown);
      const refused = isRefusal(error);
      // AWS does not say which entry it disliked, and the others must not suffer for it.
      if (refused && ready.length > 1) for (const entry of ready) await send([entry], run);
      else fail(ready, run, { refused, cause: error });
      if (error instanceof NotFoundException) topicArns.delete(first.envelope.type);
      else if (!refused) run.outage = error;
    }
  }

  async function call(type: string, batch: Batch, run: Run): Promise<void> {
    const { Failed = [] } = await clients.sns.send(
      new PublishBatchCommand({
        TopicArn: await topicArn(type),
        PublishBatchRequestEntries: batch.map(({ envelope, body, attributes }, index) => ({
          Id: String(index),
          Message: body,
          MessageAttributes: attributes,
          ...(fifo && { MessageGroupId: groupIdOf(envelope.key), MessageDeduplicationId: envelope.id }),
        })),
      }),
      inTime(),
    );
    for (const { Id, Code, Message, SenderFault = false } of Failed) {
      const cause = new Error(`SNS answered ${Code}: ${Message}`);
      fail(batch.slice(Number(Id), Number(Id) + 1), run, { refused: SenderFault, cause });
    }
  }

  function topicArn(type: string): Promise<string> {
    const known = topicArns.get(type);
    if (known !== undefined) return known;
    const declared = declareTopic(clients.sns, names.topic(type));
    topicArns.set(type, declared);
    declared.catch(() => topicArns.delete(type));
    return declared;
  }
}

function fail(entries: readonly Entry[], run: Run, failure: Omit<PublishFailure, "id">): void {
  for (const { envelope } of entries) {
    run.failures.push({ id: envelope.id, ...failure });
    run.keysBehind.add(envelope.key);
  }
}

const refusals = [
  "InvalidParameter",
  "InvalidParameterValue",
  "ParameterValueInvalid",
  "BatchRequestTooLong",
  "Validation",
];

/** SNS said no to what was in the call; anything else (no answer, no right, too much at once) may pass. */
function isRefusal(error: Error): boolean {
  return error instanceof SNSServiceException && refusals.includes(error.name.replace(/(Error)?Exception$/, ""));
}
