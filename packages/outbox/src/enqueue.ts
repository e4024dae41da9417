import { channel } from "node:diagnostics_channel";
import { type Envelope, type Message, parseEnvelope, serializeEnvelope } from "@throughline/envelope";
import { query, type Transaction } from "@throughline/log";
import { giveHint } from "./hint.ts";
import { requireOpenTransaction } from "./open-transaction.ts";
import { traceCreation } from "./trace.ts";

/** SNS and SQS take 256 KiB with the attributes; what they would refuse is refused here, where the caller is told. */
const maxWireBytes = 200 * 1024;
const sequenceField = ',"sequence":0,';
const afterEnqueue = channel("throughline:outbox.after_enqueue");

/**
 * Records messages to be published by `source`. They leave if, and only if, `tx` commits, in this order per key. One
 * round trip; the keys stay locked until the end of `tx`, so all messages of a transaction belong into one call. Throws,
 * before anything is written, for a message that no broker would take and for a handle that is no open transaction.
 */
export async function enqueue(tx: Transaction, source: string, messages: readonly Message[]): Promise<void> {
  requireOpenTransaction(tx);
  if (messages.length === 0) return;
  const drafts = messages.map((message) => draft(source, message));
  await query(tx, "outbox_enqueue", insertion, [source, ...toColumns(drafts)]);
  giveHint();
  afterEnqueue.publish(undefined);
}

/** An envelope and its wire text around the sequence, which only the database knows. */
type Draft = { readonly envelope: Envelope; readonly head: string; readonly tail: string };

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

function toColumns(drafts: readonly Draft[]): unknown[][] {
  const envelopes = drafts.map(({ envelope }) => envelope);
  return [
    envelopes.map(({ key }) => key),
    envelopes.map(({ type }) => type),
    envelopes.map(({ id }) => id),
    envelopes.map(({ version }) => version),
    envelopes.map(({ timestamp }) => timestamp),
    envelopes.map(({ correlationId }) => correlationId),
    envelopes.map(({ causationId }) => causationId ?? null),
    envelopes.map(({ traceparent }) => traceparent ?? null),
    drafts.map(({ head }) => head),
    drafts.map(({ tail }) => tail),
    countBehind(envelopes),
  ];
}

/** For each envelope, how many of its key come after it in this call. */
function countBehind(envelopes: readonly Envelope[]): number[] {
  const seen = new Map<string, number>();
  return envelopes
    .toReversed()
    .map(({ key }) => {
      const behind = seen.get(key) ?? 0;
      seen.set(key, behind + 1);
      return behind;
    })
    .toReversed();
}

// Keys are counted, and thereby locked, in one order everywhere, so that two calls never wait for each other. Joining
// what was counted draws the position of a message after its key is locked.
const insertion = `
  with given as (
    select * from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::text[], $11::text[], $12::integer[]) with ordinality
      as given(key, type, id, version, "timestamp", correlation_id, causation_id, traceparent, head, tail, behind, nth)
  ), counted as (
    insert into outbox_sequences as known (source, key, sequence)
    select $1, key, count(*) from given group by key order by key collate "C"
    on conflict (source, key) do update set sequence = known.sequence + excluded.sequence
    returning key, sequence
  )
  insert into outbox (key, type, id, version, "timestamp", source, sequence, correlation_id, causation_id, traceparent,
    wire)
  select key, type, id, version, "timestamp", $1, sequence - behind, correlation_id, causation_id, traceparent,
    head || ',"sequence":' || (sequence - behind) || ',' || tail
  from given join counted using (key) order by nth`;
