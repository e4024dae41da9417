import { channel } from "node:diagnostics_channel";
import { parseEnvelope } from "@throughline/envelope";
import { query, type Transaction } from "@throughline/log";
import { settle } from "./actions.ts";
import type { Act, Desk } from "./desk.ts";
import { type Letter, lockLetter } from "./letter.ts";
import { letOutboxKeyGo } from "./parked.ts";
import { traceReplay } from "./replay-span.ts";

const afterSend = channel("throughline:dead_letters.after_send");

/**
 * Sends a letter back to where it died, with the id, bytes and headers that it had; false where it is not open any more.
 * The note of it commits once the broker has it: whoever dies in between sends it again, and the inbox recognises that.
 */
export function replayLetter(desk: Desk, number: number, act: Act): Promise<boolean> {
  return desk.database.transaction(async (tx) => {
    const letter = await lockLetter(tx, number, ["open"]);
    if (letter === undefined) return false;
    await sendBack(desk, tx, letter, act);
    afterSend.publish(undefined);
    await settle(tx, number, "replayed", act);
    return true;
  });
}

/** Puts the letter where it died; one that died in this database goes on with the commit. */
export function sendBack(desk: Desk, tx: Transaction, letter: Letter, { by }: Act): Promise<void> {
  return traceReplay(letter, by, () => putWhereItDied(desk, tx, letter));
}

async function putWhereItDied(desk: Desk, tx: Transaction, letter: Letter): Promise<void> {
  if (letter.road === "inbox") return runAgain(tx, letter);
  if (letter.road === "outbox") {
    const publisher = await desk.publisher(letter.origin.name);
    await publisher.publish([parseEnvelope(letter.body)]);
    return letOutboxKeyGo(tx, letter);
  }
  const { deadLetters } = await desk.road(letter.road);
  if (deadLetters === undefined) throw new Error(`Nothing can be sent back to a queue or topic of ${letter.road}`);
  await deadLetters.redeliver(letter);
}

/** It still has its place in the order; from the commit on it is its turn. */
async function runAgain(tx: Transaction, { number, group, messageId }: Letter): Promise<void> {
  const found = await query(
    tx,
    "dead_letter_run_again",
    `with alive as (
       update inbox_parked set died_at = null, attempts = null where consumer = $1 and message_id = $2
       returning consumer, key, message_id
     ), due as (
       update inbox_parked_keys k set due_at = clock_timestamp(), attempts = 0 from alive
       where k.consumer = alive.consumer and k.key = alive.key and k.next_id = alive.message_id
     )
     select from alive`,
    [group, messageId],
  );
  if (found.length === 0) throw new Error(`Letter ${number} waits nowhere any more: discard it`);
}
