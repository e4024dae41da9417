import { channel } from "node:diagnostics_channel";
import { type Message, parseEnvelope, serializeEnvelope } from "@throughline/envelope";
import { askTogether, type Transaction } from "@throughline/log";
import { hintAtEnd } from "./hint.ts";
import { type Draft, insertDrafts } from "./insert-drafts.ts";
import { requireOpenTransaction } from "./open-transaction.ts";
import { traceCreation } from "./trace.ts";

/** SNS and SQS take 256 KiB with the attributes; what they would refuse is refused here, where the caller is told. */
const maxWireBytes = 200 * 1024;
const sequenceField = ',"sequence":0,';
const afterEnqueue = channel("throughline:outbox.after_enqueue");

/**
 * Records messages to be published by `source`. They leave if, and only if, `tx` commits, in this order per key. One
 * round trip, also for calls side by side; the keys stay locked until the end of `tx`, so all messages of a transaction
 * belong together. Throws, before anything is written, for a message that no broker would take and for a handle that is
 * no open transaction.
 */
export async function enqueue(tx: Transaction, source: string, messages: readonly Message[]): Promise<void> {
  requireOpenTransaction(tx);
  if (messages.length === 0) return;
  const drafts = messages.map((message) => draft(source, message));
  await askTogether(tx, insertAll, { source, drafts });
  hintAtEnd(tx);
  afterEnqueue.publish(undefined);
}

async function insertAll(
  tx: Transaction,
  asked: readonly { readonly source: string; readonly drafts: readonly Draft[] }[],
): Promise<readonly undefined[]> {
  // Nobody may have waited for this, and the transaction have ended in the meantime.
  requireOpenTransaction(tx);
  for (const [source, ofSource] of Map.groupBy(asked, ({ source }) => source)) {
    await insertDrafts(
      tx,
      source,
      ofSource.flatMap(({ drafts }) => drafts),
    );
  }
  return asked.map(() => undefined);
}

function draft(source: string, message: Message): Draft {
  const envelope = traceCreation(source, message);
  const wire = serializeEnvelope(envelope);
  // In front of it stand only JSON strings, in which a quote is escaped: the first occurrence is the field.
  const cut = wire.indexOf(sequenceField);
  const head = wire.slice(0, cut);
  const tail = wire.slice(cut + sequenceField.length);
  requireValid(message, `${head},"sequence":1,${tail}`);
  return { envelope, head, tail };
}

function requireValid({ type, key }: Message, wire: string): void {
  const name = `Message ${type} about ${key}`;
  if (wire.length > maxWireBytes) {
    throw new Error(
      `${name} has ${wire.length} bytes on the wire and may have ${maxWireBytes}: send a reference instead`,
    );
  }
  // Headers and attributes of some broker refuse these, and Postgres the first of them.
  if (/\p{Cc}/u.test(key) || !key.isWellFormed()) throw new Error(`${name}: the key has characters that cannot travel`);
  try {
    parseEnvelope(wire);
  } catch (cause) {
    // Not a RejectedError: the message being handled is innocent of what its handler sends.
    throw new Error(`${name} cannot be sent: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}
