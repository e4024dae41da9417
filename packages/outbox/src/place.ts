import { type Database, query, readLimit, type Transaction } from "@throughline/log";
import { outboxLog } from "./outbox-log.ts";

/** Where a destination begins: with all that is kept, with what commits from now on, or with what was written since a moment. */
export type Beginning = "beginning" | "now" | Date;

/** A message or a moment; all that was written from there on is meant. */
export type Place = Date | { readonly id: string } | { readonly position: number };

/** What a person writes for a place: `2026-11-23T03:00:00Z`, the id of a message, a position; undefined where it is none. */
export function readPlace(text: string): Place | undefined {
  if (/^[1-9]\d{0,14}$/.test(text)) return { position: Number(text) };
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return { id: text.toLowerCase() };
  const moment = new Date(text);
  return /^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(moment.getTime()) ? moment : undefined;
}

/** Where a cursor stands that is to go on with a beginning. What may still be committed below it is never passed over. */
export async function cursorAtBeginning(handle: Database | Transaction, beginning: Beginning): Promise<number> {
  if (beginning === "beginning") return 0;
  // Asked first: what commits in between is above it.
  const limit = await readLimit(handle, outboxLog);
  if (beginning === "now") return limit;
  return Math.min(limit, (await firstSince(handle, beginning)) - 1);
}

/** The position of the first message that is meant; beyond all of them where nothing has been written since. */
export async function positionOf(handle: Database | Transaction, place: Place): Promise<number> {
  const position = await findPosition(handle, place);
  if (position !== undefined) return position;
  throw new Error(`No message ${"id" in place ? place.id : ""} is kept in this outbox`);
}

/** The same; undefined where a message is meant that is not kept. */
export async function findPosition(handle: Database | Transaction, place: Place): Promise<number | undefined> {
  if (place instanceof Date) return firstSince(handle, place);
  if ("position" in place) return place.position;
  const found = await query<{ position: number }>(
    handle,
    "outbox_position_of",
    "select position::float8 as position from outbox where id = $1",
    [place.id],
  );
  return found[0]?.position;
}

async function firstSince(handle: Database | Transaction, moment: Date): Promise<number> {
  const [first] = await query<{ position: number }>(
    handle,
    "outbox_first_since",
    `select position::float8 as position from outbox where created_at >= $1::timestamptz order by position limit 1`,
    [moment.toISOString()],
  );
  return first?.position ?? Number.MAX_SAFE_INTEGER;
}
