import type { Envelope } from "@throughline/envelope";
import { type Database, query, type Transaction } from "@throughline/log";
import { dayOf } from "./retention.ts";

/** Types of which a dead message makes the later ones of its key wait. */
export type Parks = ReadonlySet<string>;

/** Ids in lower case, as Postgres writes them. */
export type Remembered = {
  /** Not handled before, and now to be. */
  readonly new: Set<string>;
  /** Their key waits for a dead message: not remembered, to be put aside. */
  readonly held: ReadonlySet<string>;
  /** Their key waited for them: once they are through, it goes on. */
  readonly next: ReadonlySet<string>;
};

/**
 * Remembers the envelopes as handled by the consumer, in one statement. Where another transaction is at one of them,
 * waits for its end. In order of id, so that two batches never deadlock.
 */
export async function remember(
  tx: Transaction,
  consumer: string,
  envelopes: readonly Envelope[],
  parks: Parks,
): Promise<Remembered> {
  const rows = await query<{ id: string; standing: "new" | "held" | "next" }>(
    tx,
    "inbox-remember",
    `with given as (
       select id, day, key from unnest($2::uuid[], $3::date[], $4::text[]) as given (id, day, key)
     ), parked as materialized (
       select key, next_id from inbox_parked_keys where consumer = $1 and key = any($4::text[]) for key share
     ), remembered as (
       insert into processed_messages (consumer, message_id, message_day)
       select $1, id, day from given
       where not exists (select from parked p where p.key = given.key and p.next_id <> given.id) order by id
       on conflict do nothing returning message_id
     )
     select message_id as id, 'new' as standing from remembered
     union all
     select g.id, case when p.next_id = g.id then 'next' else 'held' end from given g join parked p using (key)`,
    [consumer, envelopes.map(({ id }) => id), envelopes.map(dayOf), envelopes.map((each) => gateOf(each, parks))],
  );
  const those = (standing: string) => new Set(rows.filter((row) => row.standing === standing).map(({ id }) => id));
  return { new: those("new"), held: those("held"), next: those("next") };
}

/** Where an envelope stands with the consumer, as far as is committed. */
export async function standingOf(
  database: Database,
  consumer: string,
  envelope: Envelope,
  parks: Parks,
): Promise<"new" | "done" | "held"> {
  const [row] = await query<{ done: boolean; held: boolean }>(
    database,
    "inbox-standing",
    `select
       exists (select from processed_messages where consumer = $1 and message_id = $2 and message_day = $3) as done,
       exists (select from inbox_parked_keys where consumer = $1 and key = $4 and next_id <> $2) as held`,
    [consumer, envelope.id, dayOf(envelope), gateOf(envelope, parks)],
  );
  if (row?.done) return "done";
  return row?.held ? "held" : "new";
}

/** The key that the envelope may have to wait for; none, which equals no key, where its type does not park. */
function gateOf({ type, key }: Envelope, parks: Parks): string | null {
  return parks.has(type) ? key : null;
}
