import { type Envelope, serializeEnvelope } from "@throughline/envelope";
import { type Attributes, attributesOf } from "./attributes.ts";

/** An envelope as SNS takes it. */
export type Entry = {
  readonly envelope: Envelope;
  readonly body: string;
  readonly attributes: Attributes;
  /** Body and attributes, as AWS counts them against its limit. */
  readonly bytes: number;
};

/** At most 10 entries of one type that together fit into one PublishBatch call, in the order given. */
export type Batch = readonly Entry[];

const mostEntries = 10;
const mostBytes = 256 * 1024;

export function toEntry(envelope: Envelope): Entry {
  const body = serializeEnvelope(envelope);
  const attributes = attributesOf(envelope);
  let bytes = Buffer.byteLength(body);
  for (const [name, { DataType, StringValue }] of Object.entries(attributes)) {
    bytes += name.length + DataType.length + Buffer.byteLength(StringValue);
  }
  return { envelope, body, attributes, bytes };
}

/**
 * The batches that may go out side by side, and the entries that must wait for them: whatever is behind another entry
 * of its key that goes out in another batch, and on FIFO behind any: of one batch SNS may take the second and not the
 * first. An entry that is too large for any call is a batch of its own.
 */
export function nextBatches(
  waiting: readonly Entry[],
  fifo: boolean,
): { readonly batches: Batch[]; readonly later: Entry[] } {
  const batches: Entry[][] = [];
  const later: Entry[] = [];
  const lastOfType = new Map<string, { readonly entries: Entry[]; bytes: number }>();
  const batchOfKey = new Map<string, Entry[]>();
  for (const entry of waiting) {
    const { type, key } = entry.envelope;
    const last = lastOfType.get(type);
    const fits = last !== undefined && last.entries.length < mostEntries && last.bytes + entry.bytes <= mostBytes;
    const ahead = batchOfKey.get(key);
    if (ahead !== undefined && (fifo || !(fits && ahead === last.entries))) {
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
