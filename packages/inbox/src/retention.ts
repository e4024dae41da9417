import { type Envelope, RejectedError } from "@throughline/envelope";
import { type Database, query } from "@throughline/log";

/** Longer than any dead-letter queue keeps a message (14 days) plus the replay window of the outbox (7 days). */
export const defaultRetentionDays = 30;

/** Days for which partitions are kept beyond those, which is how far the clocks of process and database may stand apart. */
export const marginDays = 2;
const dayMs = 24 * 60 * 60 * 1_000;

/** Throws where a duplicate of this message could no longer be told from a new one. */
export function refuseForgotten({ id, type, timestamp }: Envelope, retentionDays = defaultRetentionDays): void {
  if (Date.parse(timestamp) >= Date.now() - retentionDays * dayMs) return;
  throw new RejectedError(
    `${type} ${id} is of ${timestamp}, older than the inbox remembers (${retentionDays} days): ` +
      "it cannot tell whether this message was handled before",
  );
}

/** The day, in UTC, by which a message is remembered: the same on each of its duplicates. */
export function dayOf(envelope: Envelope): string {
  return new Date(envelope.timestamp).toISOString().slice(0, 10);
}

/** For how many days an inbox remembers, by the oldest partition it has; undefined where it has none. */
export async function readRetentionDays(database: Database): Promise<number | undefined> {
  const [row] = await query<{ days: number | null }>(
    database,
    "inbox-retention-days",
    `select (now() at time zone 'utc')::date - min(right(inhrelid::regclass::text, 8)::date) - ${marginDays} as days
     from pg_inherits where inhparent = to_regclass('processed_messages') and inhrelid::regclass::text ~ '_[0-9]{8}$'`,
  );
  return row?.days ?? undefined;
}
