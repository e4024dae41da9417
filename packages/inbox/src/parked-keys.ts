import { type Envelope, serializeEnvelope } from "@throughline/envelope";
import { type Database, query, storable, type Transaction } from "@throughline/log";
import { dayOf } from "./retention.ts";

/** The next message of a parked key, claimed by this process for a while. */
export type DueMessage = {
  readonly wire: string;
  readonly attempts: number;
  /** When its key was parked, in milliseconds since 1970. */
  readonly parkedAt: number;
};

/** What waits in the database, whoever put it there. */
export type Parked = {
  /** Messages that wait behind a dead one of their key. */
  readonly parked: number;
  /** Keys that wait for one. */
  readonly parkedKeys: number;
};

/** Notes that a message is a dead letter, and that the later ones of its key wait; nothing where it had its effect. */
export async function parkKey(handle: Database | Transaction, consumer: string, envelope: Envelope): Promise<void> {
  await query(
    handle,
    "inbox-park-key",
    `with parked as (
       insert into inbox_parked_keys as k (consumer, key, next_id) select $1, $2, $3::uuid
       where not exists (select from processed_messages where consumer = $1 and message_id = $3 and message_day = $4)
       on conflict (consumer, key) do update set
         due_at = case when k.next_id = excluded.next_id then 'infinity' else k.due_at end
       returning consumer, key
     )
     insert into inbox_parked (consumer, key, message_id) select consumer, key, $3 from parked
     on conflict (consumer, message_id) do nothing`,
    [consumer, envelope.key, envelope.id, dayOf(envelope)],
  );
}

export async function readParked(database: Database, consumer: string): Promise<Parked> {
  const [row] = await query<Parked>(
    database,
    "inbox-parked",
    `select (select count(*)::integer from inbox_parked
         where consumer = $1 and wire is not null and died_at is null) as parked,
       (select count(*)::integer from inbox_parked_keys where consumer = $1) as "parkedKeys"`,
    [consumer],
  );
  return row ?? { parked: 0, parkedKeys: 0 };
}

/** Puts messages of parked keys aside, in the order given, copies once. Their keys are locked since `remember`. */
export async function putAside(tx: Transaction, consumer: string, envelopes: readonly Envelope[]): Promise<void> {
  // One statement cannot update the same row twice.
  const each = [...new Map(envelopes.map((envelope) => [envelope.id.toLowerCase(), envelope])).values()];
  await query(
    tx,
    "inbox-put-aside",
    `insert into inbox_parked as p (consumer, key, message_id, wire)
     select $1, key, id, wire from unnest($2::text[], $3::uuid[], $4::text[]) with ordinality as given (key, id, wire, nth)
     order by nth on conflict (consumer, message_id) do update set wire = excluded.wire where p.wire is null`,
    [consumer, each.map(({ key }) => key), each.map(({ id }) => id), each.map(serializeEnvelope)],
  );
}

/** `putAside` for one message, where its key is still parked; false where it is not. */
export async function putAsideIfHeld(database: Database, consumer: string, envelope: Envelope): Promise<boolean> {
  return await database.transaction(async (tx) => {
    const parked = await query(
      tx,
      "inbox-lock-key",
      "select from inbox_parked_keys where consumer = $1 and key = $2 and next_id <> $3 for key share",
      [consumer, envelope.key, envelope.id],
    );
    if (parked.length > 0) await putAside(tx, consumer, [envelope]);
    return parked.length > 0;
  });
}

/** The messages are through: their keys go on with the next ones. */
export async function passKeys(
  handle: Database | Transaction,
  consumer: string,
  envelopes: readonly Envelope[],
): Promise<void> {
  for (const { key, id } of envelopes)
    await query(handle, "inbox-pass", "select inbox_pass($1, $2, $3)", [consumer, key, id]);
}

/** Claims what is due: no other process gets it within `leaseMs`. The attempt counts from here, whoever dies of it. */
export async function claimDue(
  database: Database,
  consumer: string,
  { most, leaseMs }: { readonly most: number; readonly leaseMs: number },
): Promise<DueMessage[]> {
  return await query<DueMessage>(
    database,
    "inbox-claim-due",
    `with due as (
       select key from inbox_parked_keys where consumer = $1 and due_at <= clock_timestamp()
       order by due_at limit $3 for update skip locked
     )
     update inbox_parked_keys k set attempts = k.attempts + 1,
       due_at = clock_timestamp() + $2::float8 * interval '1 millisecond'
     from due, inbox_parked p
     where k.consumer = $1 and k.key = due.key and p.consumer = $1 and p.message_id = k.next_id and p.wire is not null
     returning p.wire, k.attempts, extract(epoch from k.parked_at)::float8 * 1000 as "parkedAt"`,
    [consumer, leaseMs, most],
  );
}

/** The message is due again in a while; an attempt that was not its own is given back. */
export async function retryLater(
  database: Database,
  consumer: string,
  { key, id }: Envelope,
  { delayMs, isCounted }: { readonly delayMs: number; readonly isCounted: boolean },
): Promise<void> {
  await query(
    database,
    "inbox-retry-later",
    `update inbox_parked_keys set due_at = clock_timestamp() + $4::float8 * interval '1 millisecond',
       attempts = attempts - $5::integer
     where consumer = $1 and key = $2 and next_id = $3`,
    [consumer, key, id, delayMs, isCounted ? 0 : 1],
  );
}

/** The message died here. It keeps its place; its key waits for a person. */
export async function dieHere(
  database: Database,
  consumer: string,
  { key, id }: Envelope,
  { error, attempts }: { readonly error: Error; readonly attempts: number },
): Promise<void> {
  await query(
    database,
    "inbox-die-here",
    `with dead as (
       update inbox_parked set attempts = $4, error_name = $5, error_message = $6, error_stack = $7, died_at = now()
       where consumer = $1 and message_id = $3 returning message_id
     )
     update inbox_parked_keys set due_at = 'infinity'
     where consumer = $1 and key = $2 and next_id in (select message_id from dead)`,
    [consumer, key, id, attempts, ...[error.name, error.message, error.stack ?? ""].map(storable)],
  );
}
