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

/** Longer than any transaction has been open when it writes a message, in milliseconds: an hour. */
const longestTransactionMs = 3_600_000;
/** No message waits for what is asked here. */
const takeYourTime = "set local statement_timeout = 0";

/** In a transaction whose statements may take as long as they need. */
export function unhurried<Result>(database: Database, work: (tx: Transaction) => Promise<Result>): Promise<Result> {
  return database.transaction(async (tx) => {
    await tx.execute(takeYourTime);
    return await work(tx);
  });
}

/** Where a cursor stands that is to go on with a beginning. What may still be committed below it is never passed over. */
export async function cursorAtBeginning(tx: Transaction, beginning: Beginning): Promise<number> {
  if (beginning === "beginning") return 0;
  // Asked first: what commits in between is above it.
  const limit = await readLimit(tx, outboxLog);
  if (beginning === "now") return limit;
  await tx.execute(takeYourTime);
  return Math.min(limit, (await firstSince(tx, beginning)) - 1);
}

/** The position of the first message that is meant; undefined where a message is meant that is not kept. */
export function findPosition(database: Database, place: Place): Promise<number | undefined> {
  return unhurried(database, (tx) => positionOf(tx, place));
}

/** The same; beyond all messages where nothing has been written since the moment that is meant. */
export async function positionOf(tx: Transaction, place: Place): Promise<number | undefined> {
  if (place instanceof Date) return firstSince(tx, place);
  if ("position" in place) return place.position;
  // What its id says of its time is to be trusted where it is found there.
  return (await findId(tx, place.id, await lastBefore(tx, momentOf(place.id)))) ?? (await findId(tx, place.id, 0));
}

async function findId(tx: Transaction, id: string, after: number): Promise<number | undefined> {
  const [found] = await query<{ position: number }>(
    tx,
    "outbox_position_of",
    `select position::float8 as position from outbox where position > $1 and id = $2 order by outbox.position limit 1`,
    [after, id],
  );
  return found?.position;
}

/** When a UUIDv7 was made, in milliseconds. */
function momentOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

async function firstSince(tx: Transaction, moment: Date): Promise<number> {
  const [first] = await query<{ position: number }>(
    tx,
    "outbox_first_since",
    `select position::float8 as position from outbox
     where position > $1 and created_at >= $2::timestamptz order by outbox.position limit 1`,
    [await lastBefore(tx, moment.getTime()), moment.toISOString()],
  );
  return first?.position ?? Number.MAX_SAFE_INTEGER;
}

/**
 * A position up to which nothing was written since the moment, and beyond which little was before. By bisection: positions
 * are in the order of time, but for how long each transaction had been open, since `created_at` is when it began: for no
 * longer than `openMs`, in milliseconds.
 */
export async function lastBefore(
  tx: Transaction,
  momentMs: number,
  openMs: number = longestTransactionMs,
): Promise<number> {
  let [low, high] = [0, await readLimit(tx, outboxLog)];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [next] = await query<{ position: number; isBefore: boolean }>(
      tx,
      "outbox_bisect",
      `select position::float8 as position, created_at < to_timestamp($2::float8 / 1000) as "isBefore"
       from outbox where position > $1 order by outbox.position limit 1`,
      [middle, momentMs - openMs],
    );
    if (next?.isBefore) low = next.position;
    else high = middle;
  }
  return low;
}
