import { type Envelope, restoreEnvelope } from "@throughline/envelope";

/** What a relay reads of a message besides its text; `position` comes with it. */
export const headerColumns = `key, type, id, version, "timestamp", source, sequence::float8 as sequence,
  correlation_id as "correlationId", causation_id as "causationId", traceparent`;

export const rowColumns = `${headerColumns}, wire`;

export type Row = Omit<Envelope, "data" | "causationId" | "traceparent"> & {
  readonly position: number;
  readonly causationId: string | null;
  readonly traceparent: string | null;
  readonly wire: string;
};

/** The envelope with exactly the bytes that were written; nothing is parsed. */
export function toEnvelope(row: Row): Envelope {
  const { id, type, version, timestamp, source, key, sequence, correlationId, causationId, traceparent, wire } = row;
  const header: Header = { id, type, version, timestamp, source, key, sequence, correlationId };
  if (causationId !== null) header.causationId = causationId;
  if (traceparent !== null) header.traceparent = traceparent;
  return restoreEnvelope(header, wire);
}

type Header = { -readonly [Field in keyof Omit<Envelope, "data">]: Envelope[Field] };
