import type { Envelope } from "@throughline/envelope";
import { type Database, query, type Transaction } from "@throughline/log";
import { dayOf } from "./retention.ts";

/**
 * Remembers the envelopes as handled by the consumer, in one statement, and returns the ids, in lower case as Postgres
 * writes them, of those that were not yet. Where another transaction is at one of them, waits for its end. In order of id, so that two batches never deadlock.
 */
export async function remember(
  tx: Transaction,
  consumer: string,
  envelopes: readonly Envelope[],
): Promise<Set<string>> {
  const rows = await query<{ message_id: string }>(
    tx,
    "inbox-remember",
    `insert into processed_messages (consumer, message_id, message_day)
     select $1, id, day from unnest($2::uuid[], $3::date[]) as given (id, day) order by id
     on conflict do nothing returning message_id`,
    [consumer, envelopes.map(({ id }) => id), envelopes.map(dayOf)],
  );
  return new Set(rows.map((row) => row.message_id));
}

/** Whether the consumer has handled the envelope, as far as is committed. */
export async function isRemembered(database: Database, consumer: string, envelope: Envelope): Promise<boolean> {
  const rows = await query(
    database,
    "inbox-is-remembered",
    "select from processed_messages where consumer = $1 and message_id = $2 and message_day = $3",
    [consumer, envelope.id, dayOf(envelope)],
  );
  return rows.length > 0;
}

/**
 * Fails where the transaction is already lost. Postgres answers COMMIT after an error that a handler swallowed with a
 * rollback and without an error, so that effects would be gone and the message acknowledged.
 */
export async function assertAlive(tx: Transaction): Promise<void> {
  await query(tx, "inbox-alive", "select", []);
}
