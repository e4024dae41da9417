import type { Envelope } from "@throughline/envelope";
import { PublishError, type PublishFailure } from "../publish-error.ts";
import { toError } from "../reason.ts";
import type { Publisher } from "../transport.ts";
import { codesOf } from "./errors.ts";
import type { KafkaRecord } from "./library.ts";
import { recordOf } from "./records.ts";
import type { Sender } from "./sender.ts";

type Outgoing = { readonly envelope: Envelope; readonly record: KafkaRecord };

const publishWithinMs = 10_000;
/** The broker's limit of 1 MiB (`message.max.bytes`) is for all records that one request has for one partition. */
const chunkBytes = 768 * 1_024;
const recordOverheadBytes = 512;
/** What the broker says of a message, where others speak of the moment or of the topic. */
const refusals = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_TIMESTAMP"]);

/** The order of a key is kept within its topic: between topics Kafka has none. */
export function createPublisher(sender: Sender, namespace: string): Publisher {
  let isClosed = false;

  return {
    async publish(envelopes) {
      if (isClosed) throw new Error("This publisher is closed");
      const outgoing = envelopes.map((envelope) => ({ envelope, record: recordOf(envelope, namespace) }));
      const delivery = beginDelivery(sender);
      for (const chunk of chunksOf(outgoing)) await delivery.deliver(chunk);
      delivery.throwIfIncomplete();
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      await sender.close();
    },
  };
}

/** One call of `publish`: what has failed so far, and what may therefore not be sent any more. */
function beginDelivery(sender: Sender) {
  const deadline = performance.now() + publishWithinMs;
  const failures: PublishFailure[] = [];
  const failedKeys = new Set<string>();
  let delivered = 0;
  /** Why the broker is out of reach: what comes after waits for the next call. */
  let outage: Error | undefined;

  return {
    deliver,
    throwIfIncomplete(): void {
      if (outage !== undefined && delivered === 0) {
        throw new Error("Kafka did not take the envelopes", { cause: outage });
      }
      if (failures.length > 0) throw new PublishError(failures);
    },
  };

  async function deliver(chunk: readonly Outgoing[]): Promise<void> {
    const sendable = chunk.filter(({ envelope }) => !isHeldBack(envelope));
    if (sendable.length === 0) return;
    const records = sendable.map(({ record }) => record);
    try {
      await sender.send(records, deadline);
      delivered += sendable.length;
    } catch (thrown) {
      await divide(sendable, toError(thrown));
    }
  }

  function isHeldBack(envelope: Envelope): boolean {
    if (outage !== undefined) fail(envelope, outage);
    else if (failedKeys.has(envelope.key))
      fail(envelope, new Error(`${envelope.key} waits for an envelope that failed`));
    else return false;
    return true;
  }

  /** The broker's no is for one record or one topic, and kafkajs does not say which: halves find it. */
  async function divide(chunk: readonly Outgoing[], error: Error): Promise<void> {
    const answers = codesOf(error);
    if (answers.length > 0 && chunk.length > 1) {
      const middle = Math.ceil(chunk.length / 2);
      await deliver(chunk.slice(0, middle));
      await deliver(chunk.slice(middle));
      return;
    }
    if (answers.length === 0) outage = error;
    const refused = answers.some((name) => refusals.has(name));
    for (const { envelope } of chunk) fail(envelope, error, refused);
  }

  function fail({ id, key }: Envelope, cause: Error, refused = false): void {
    failures.push({ id, refused, cause });
    failedKeys.add(key);
  }
}

function chunksOf(outgoing: readonly Outgoing[]): Outgoing[][] {
  const chunks: Outgoing[][] = [];
  let room = 0;
  for (const one of outgoing) {
    const bytes = (one.record.value?.length ?? 0) + recordOverheadBytes;
    if (bytes > room || chunks.length === 0) {
      chunks.push([]);
      room = chunkBytes;
    }
    chunks.at(-1)?.push(one);
    room -= bytes;
  }
  return chunks;
}
