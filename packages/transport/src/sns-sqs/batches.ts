import type { MessageAttributeValue } from "@aws-sdk/client-sns";
import { type Envelope, serializeEnvelope } from "@throughline/envelope";

/** An envelope as SNS takes it. */
export type Entry = {
  readonly envelope: Envelope;
  readonly body: string;
  readonly attributes: Readonly<Record<string, MessageAttributeValue>>;
  /** Body and attributes, as AWS counts them against its limit. */
  readonly bytes: number;
};

/** At most 10 entries of one type that together fit into one PublishBatch call, in the order given. */
export type Batch = readonly Entry[];

const mostEntries = 10;
const mostBytes = 256 * 1024;

/** SNS discards a message that has more than ten attributes, so everything else is in the body only. */
export function toEntry(envelope: Envelope): Entry {
  const { type, version, correlationId, traceparent } = envelope;
  const texts = { eventType: type, schemaVersion: version, correlationId, ...(traceparent ? { traceparent } : {}) };
  const attributes: Record<string, MessageAttributeValue> = {};
  const body = serializeEnvelope(envelope);
  let bytes = Buffer.byteLength(body);
  for (const [name, StringValue] of Object.entries(texts)) {
    attributes[name] = { DataType: "String", StringValue };
    bytes += name.length + "String".length + Buffer.byteLength(StringValue);
  }
  return { envelope, body, attributes, bytes };
}

/**
 * The batches that may go out side by side, and the entries that must wait for them: whatever is behind another entry
 * of its key that goes out in another batch. An entry that is too large for any call is a batch of its own.
 */
export function nextBatches(waiting: readonly Entry[]): { readonly batches: Batch[]; readonly later: Entry[] } {
  const batches: Entry[][] = [];
  const later: Entry[] = [];
  const lastOfType = new Map<string, { readonly entries: Entry[]; bytes: number }>();
  const batchOfKey = new Map<string, Entry[]>();
  for (const entry of waiting) {
    const { type, key } = entry.envelope;
    const last = lastOfType.get(type);
    const fits = last !== undefined && last.entries.length < mostEntries && last.bytes + entry.bytes <= mostBytes;
    const ahead = batchOfKey.get(key);
    if (ahead !== undefined && !(fits && ahead === last.entries)) {
      later.push(entry);
      batchOfKey.set(key, later);
      continue;
    }
    const batch = fits ? last : { entries: [], bytes: 0 };
    if (!fits) {
      batches.push(batch.entries);
      lastOfType.set(type, batch);
    }
    batch.entries.push(entry);
    batch.bytes += entry.bytes;
    batchOfKey.set(key, batch.entries);
  }
  return { batches, later };
}
