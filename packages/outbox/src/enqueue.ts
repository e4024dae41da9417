import { channel } from "node:diagnostics_channel";
import { type Claimed, claimBody, maxWireBytes } from "@throughline/claims";
import { type Envelope, type Message, parseEnvelope, serializeEnvelope } from "@throughline/envelope";
import { askLast, confine, type Transaction } from "@throughline/log";
import { hintAtEnd } from "./hint.ts";
import { type Draft, insertDrafts } from "./insert-drafts.ts";
import { requireOpenTransaction } from "./open-transaction.ts";
import { traceCreation } from "./trace.ts";

const sequenceField = ',"sequence":0,';
const afterEnqueue = channel("throughline:outbox.after_enqueue");

/** A draft whose body must be put before it is written, where it has a `put`. */
type PendingDraft = Draft & Partial<Pick<Claimed, "put">>;

/**
 * Records messages to be published by `source`. They leave if, and only if, `tx` commits, in this order per key. They go
 * out with the COMMIT, or at the end of the savepoint, and cost no round trip: until then, nothing of them is in the
 * database, and no other transaction waits for their keys. A body that is too big to travel goes to where `provideClaims`
 * says, at once. Throws, before anything is written, for a message that no broker would take and for a handle that is no
 * open transaction; what the database itself refuses fails the COMMIT.
 */
export async function enqueue(tx: Transaction, source: string, messages: readonly Message[]): Promise<void> {
  requireOpenTransaction(tx);
  if (messages.length === 0) return;
  // Its bodies may be longer on their way than it lives.
  confine(tx);
  const drafts = messages.map((message) => draft(source, message));
  const bodies = drafts.flatMap(({ put }) => put?.() ?? []);
  // Whoever gets the message finds its body. One whose message never leaves is removed with its day.
  if (bodies.length > 0) await Promise.all(bodies);
  askLast(tx, insertAll, { source, drafts });
  hintAtEnd(tx);
  afterEnqueue.publish(undefined);
}

function insertAll(
  tx: Transaction,
  asked: readonly { readonly source: string; readonly drafts: readonly Draft[] }[],
): Promise<readonly unknown[]> {
  const bySource = Array.from(Map.groupBy(asked, ({ source }) => source));
  const inserts = bySource.map(([source, own]) =>
    insertDrafts(
      tx,
      source,
      own.flatMap(({ drafts }) => drafts),
    ),
  );
  return Promise.all(inserts);
}

function draft(source: string, message: Message): PendingDraft {
  const envelope = traceCreation(source, message);
  const wire = serializeEnvelope(envelope);
  if (wire.length <= maxWireBytes) return cut(message, envelope, wire);
  const { envelope: claimed, put } = claimBody(envelope);
  return { ...cut(message, claimed, serializeEnvelope(claimed)), put };
}

function cut(message: Message, envelope: Envelope, wire: string): Draft {
  // In front of it stand only JSON strings, in which a quote is escaped: the first occurrence is the field.
  const at = wire.indexOf(sequenceField);
  const head = wire.slice(0, at);
  const tail = wire.slice(at + sequenceField.length);
  requireValid(message, `${head},"sequence":1,${tail}`);
  return { envelope, head, tail };
}

function requireValid({ type, key }: Message, wire: string): void {
  const name = `Message ${type} about ${key}`;
  // Headers and attributes of some broker refuse these, and Postgres the first of them.
  if (/\p{Cc}/u.test(key) || !key.isWellFormed()) throw new Error(`${name}: the key has characters that cannot travel`);
  try {
    parseEnvelope(wire);
  } catch (cause) {
    // Not a RejectedError: the message being handled is innocent of what its handler sends.
    throw new Error(`${name} cannot be sent: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}
