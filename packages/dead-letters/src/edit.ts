import { claimBody, maxWireBytes, redeemBody } from "@throughline/claims";
import { workTypes } from "@throughline/contracts";
import { deriveId, type Envelope, parseEnvelope, serializeEnvelope } from "@throughline/envelope";
import { query, type Transaction } from "@throughline/log";
import { settle } from "./actions.ts";
import { requireContract } from "./contract.ts";
import type { Act, Desk } from "./desk.ts";
import { type Letter, lockLetter } from "./letter.ts";
import { takePlace } from "./parked.ts";
import { sendBack } from "./replay.ts";

const isWork = "Work is known by its id to whoever does it, who might do it twice: replay it, or discard it";

/**
 * Sends a new message in the letter's place: the same envelope with other data, an id of its own, and the letter's message
 * as its cause. Returns its id. Throws, and nothing is changed, where it breaks its contract, the letter is settled, or it is
 * work: a charge under another id would be another charge. Where the broker did not answer it may have the message: tried
 * again, whichever of the two comes first has its effect, and the other none.
 */
export function editLetter(
  desk: Desk,
  number: number,
  data: unknown,
  act: Act & { readonly reason: string },
): Promise<string> {
  return desk.database.transaction(async (tx) => {
    const letter = await lockLetter(tx, number, ["open", "quarantined"]);
    if (letter === undefined) throw new Error(`Letter ${number} is settled: see what became of it with show`);
    if (workTypes.includes(letter.type ?? "")) throw new Error(isWork);
    const envelope = await correct(letter, data);
    const { id } = envelope;
    const corrected = { ...letter, ...rewrite(letter, envelope), messageId: id };
    await takePlace(tx, letter, id);
    if (letter.road === "inbox") await rewriteParked(tx, corrected);
    await sendBack(desk, tx, corrected, act);
    await settle(tx, number, "replaced", { ...act, replacedBy: id });
    return id;
  });
}

/** What a correction starts from, with data that stayed behind; undefined where the bytes are no envelope. */
export async function dataOf({
  body,
  type,
}: Pick<Letter, "body" | "type">): Promise<{ readonly data: unknown } | undefined> {
  if (type === null) return undefined;
  const { data } = await redeemBody(parseEnvelope(body));
  return { data };
}

/** Why this data cannot go out in the letter's place; undefined where it can. */
export function faultOfData({ body }: Pick<Letter, "body">, data: unknown): Error | undefined {
  try {
    requireContract({ ...parseEnvelope(body), data });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

async function correct({ body, group, deaths }: Letter, data: unknown): Promise<Envelope> {
  const { dataref: _, ...dead } = parseEnvelope(body);
  // The same when it is tried again, since the first may be with the broker although nobody was told.
  const id = deriveId(`${dead.id} corrected for ${group} after ${deaths}`, new Date(dead.timestamp));
  const envelope = { ...dead, id, causationId: dead.id, data };
  requireContract(envelope);
  // Also the envelope itself: what goes out must come in.
  return parseEnvelope(serializeEnvelope(await withoutBigBody(envelope)));
}

async function withoutBigBody(envelope: Envelope): Promise<Envelope> {
  if (serializeEnvelope(envelope).length <= maxWireBytes) return envelope;
  const { envelope: claimed, put } = claimBody(envelope);
  await put();
  return claimed;
}

/** Headers that repeat what has changed change as well. */
function rewrite({ headers, messageId }: Letter, envelope: Envelope): Pick<Letter, "body" | "headers"> {
  const kept = Object.entries(headers).map(([name, value]) => [name, value === messageId ? envelope.id : value]);
  const cause = "causationId" in headers && messageId !== null ? { causationId: messageId } : {};
  return { body: Buffer.from(serializeEnvelope(envelope)), headers: { ...Object.fromEntries(kept), ...cause } };
}

async function rewriteParked(tx: Transaction, { group, messageId, body }: Letter): Promise<void> {
  const text = "update inbox_parked set wire = $3 where consumer = $1 and message_id = $2";
  await query(tx, "dead_letter_rewrite", text, [group, messageId, Buffer.from(body).toString()]);
}
