import type { Envelope } from "@throughline/envelope";
import { query, type Transaction } from "@throughline/log";

/** An envelope and its wire text around the sequence, which only the database knows. */
export type Draft = { readonly envelope: Envelope; readonly head: string; readonly tail: string };

/** Counts and writes messages in one round trip. */
export async function insertDrafts(tx: Transaction, source: string, drafts: readonly Draft[]): Promise<void> {
  const [first] = drafts;
  if (first === undefined) return;
  // Most transactions tell one thing, and one row costs half of what a list of one costs.
  if (drafts.length === 1) await query(tx, "outbox_enqueue_one", insertOne, [source, ...toRow(first)]);
  else await query(tx, "outbox_enqueue", insertMany, [source, ...toColumns(drafts), countBehind(drafts)]);
}

function toRow({ envelope, head, tail }: Draft): (string | null)[] {
  const { key, type, id, version, timestamp, correlationId, causationId, traceparent } = envelope;
  return [key, type, id, version, timestamp, correlationId, causationId ?? null, traceparent ?? null, head, tail];
}

function toColumns(drafts: readonly Draft[]): (string | null)[][] {
  const rows = drafts.map(toRow);
  return rows[0]?.map((_, column) => rows.map((row) => row[column] ?? null)) ?? [];
}

/** For each message, how many of its key come after it in this call. */
function countBehind(drafts: readonly Draft[]): number[] {
  const seen = new Map<string, number>();
  return drafts
    .toReversed()
    .map(({ envelope: { key } }) => {
      const behind = seen.get(key) ?? 0;
      seen.set(key, behind + 1);
      return behind;
    })
    .toReversed();
}

const target = `insert into outbox
  (source, key, type, id, version, "timestamp", correlation_id, causation_id, traceparent, sequence, wire)`;

const insertOne = `
  with counted as (
    insert into outbox_sequences as known (source, key, sequence) values ($1, $2, 1)
    on conflict (source, key) do update set sequence = known.sequence + 1
    returning sequence
  )
  ${target}
  select $1, $2, $3, $4, $5, $6, $7, $8, $9, sequence, $10 || ',"sequence":' || sequence || ',' || $11 from counted`;

// Keys are counted, and thereby locked, in one order everywhere, so that two calls never wait for each other. Joining
// what was counted draws the position of a message after its key is locked.
const insertMany = `
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
  ${target}
  select $1, key, type, id, version, "timestamp", correlation_id, causation_id, traceparent, sequence - behind,
    head || ',"sequence":' || (sequence - behind) || ',' || tail
  from given join counted using (key) order by nth`;
