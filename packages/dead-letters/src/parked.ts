import { parkKey } from "@throughline/inbox";
import { query, type Transaction } from "@throughline/log";
import type { DeadLetter } from "@throughline/transport";
import { envelopeOf } from "./bury.ts";
import type { Letter } from "./letter.ts";
import { exists } from "./own-dead.ts";

/** What comes behind the letter waits. A consumer has seen to that before; where a broker set it aside by itself, nobody has. */
export async function holdKey(
  tx: Transaction,
  { group, body }: Pick<DeadLetter, "group" | "body">,
  parks: readonly string[],
): Promise<void> {
  const envelope = envelopeOf(body);
  if (envelope && parks.includes(envelope.type)) await parkKey(tx, group, envelope);
}

/** The letter is out of the way: what waits behind it goes on, in the inbox or in the outbox. */
export async function letKeyGo(tx: Transaction, letter: Letter): Promise<void> {
  const { road, group, key, messageId } = letter;
  if (road === "outbox") return letOutboxKeyGo(tx, letter);
  if (key === null) return;
  await query(tx, "dead_letter_pass", "select inbox_pass($1, $2, $3)", [group, key, messageId]);
}

/** A relay with `afterDead: "hold"` waits for this. */
export async function letOutboxKeyGo(tx: Transaction, { origin, key }: Letter): Promise<void> {
  if (!(await exists(tx, "outbox_parked_keys"))) return;
  await query(
    tx,
    "dead_letter_release_outbox",
    `update outbox_parked_keys set retry_at = clock_timestamp()
     where destination = $1 and key = $2 and retry_at = 'infinity'`,
    [origin.name, key],
  );
}

/**
 * Another message takes the place of a letter in the order of its key. From here to the commit the consumer waits where it
 * asks whose turn it is: it may have the other message before.
 */
export async function takePlace(tx: Transaction, { group, key, messageId }: Letter, newId: string): Promise<void> {
  const lock = "select from inbox_parked_keys where consumer = $1 and key = $2 for update";
  await query(tx, "dead_letter_lock_key", lock, [group, key]);
  // A try before this one may have sent it: then it waits behind the letter, whose place it takes now.
  const early = "delete from inbox_parked where consumer = $1 and key = $2 and message_id = $3";
  await query(tx, "dead_letter_take_early", early, [group, key, newId]);
  await query(
    tx,
    "dead_letter_take_place",
    `with placed as (
       update inbox_parked set message_id = $4 where consumer = $1 and key = $2 and message_id = $3
     )
     update inbox_parked_keys set next_id = $4 where consumer = $1 and key = $2 and next_id = $3`,
    [group, key, messageId, newId],
  );
}
