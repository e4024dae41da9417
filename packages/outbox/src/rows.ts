import { type Envelope, restoreEnvelope } from "@throughline/envelope";

/** What a relay reads of a message; `position` comes with it. */
export const rowColumns = `key, type, id, version, "timestamp", source, sequence::float8 as sequence,
  correlation_id as "correlationId", causation_id as "causationId", traceparent, wire`;

export type Row = Omit<Envelope, "data" | "causationId" | "traceparent"> & {
  readonly position: number;
  readonly causationId: string | null;
  readonly traceparent: string | null;
  readonly wire: string;
};

/** The envelope with exactly the bytes that were written; nothing is parsed. */
export function toEnvelope(row: Row): Envelope {
  const { id, type, version, timestamp, source, key, sequence, correlationId, causationId, traceparent } = row;
  const header = { id, type, version, timestamp, source, key, sequence, correlationId };
  return restoreEnvelope(
    {
      ...header,
      ...(causationId === null ? {} : { causationId }),
      ...(traceparent === null ? {} : { traceparent }),
    },
    row.wire,
  );
}
