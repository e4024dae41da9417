import { type Database, query, type Transaction } from "@throughline/log";
import { ConcurrencyError } from "./concurrency-error.ts";

/**
 * Ends a stream for good: its history stays, and whatever would be appended later fails with a `RejectedError`. Throws a
 * `ConcurrencyError` where the stream is missing or has moved on. What is closed already stays as it is.
 */
export async function closeStream(
  handle: Database | Transaction,
  streamId: string,
  { expected }: { readonly expected: number | "stream-exists" },
): Promise<void> {
  const closed = await query(handle, "event-store-close", closeText, [streamId, String(expected)]);
  if (closed.length === 1) return;
  const [stream] = await query<{ version: number; is_closed: boolean }>(handle, "event-store-is-closed", isClosedText, [
    streamId,
  ]);
  if (!stream?.is_closed) throw new ConcurrencyError(streamId, expected, stream?.version ?? 0);
}

// A statement that waited for a writer tests the version that this writer left.
const closeText = `update streams set closed_at = clock_timestamp()
  where stream_id = $1 and closed_at is null and $2 in ('stream-exists', version::text) returning 1`;

const isClosedText = `select version, closed_at is not null as is_closed from streams where stream_id = $1`;
