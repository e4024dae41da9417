import { redeemBody } from "@throughline/claims";
import { type Envelope, parseEnvelope } from "@throughline/envelope";
import { type Reaction, refuseForgotten } from "@throughline/inbox";
import { query } from "@throughline/log";
import { requireContract } from "./contract.ts";
import type { Desk } from "./desk.ts";
import { type Letter, mostReplays } from "./letter.ts";
import { inMs, toDate } from "./moment.ts";

/** What sending a letter again would do. */
export type Preview = {
  readonly verdict: "will run" | "will be published" | "skipped" | "fails" | "waits" | "not sent";
  readonly why: string;
  /** What the group does about it, where it gets that far. */
  readonly reaction?: Reaction;
};

/** Foretells a replay from the letter, today's contracts and the inbox, as they are now. */
export async function previewReplay(desk: Desk, letter: Letter): Promise<Preview> {
  if (letter.state === "quarantined") {
    return { verdict: "not sent", why: `died again after ${mostReplays} replays: edit or discard it` };
  }
  if (letter.state !== "open") return { verdict: "not sent", why: `it is ${letter.state}` };
  try {
    const envelope = parseEnvelope(letter.body);
    requireContract(await redeemBody(envelope));
    if (letter.road === "outbox") return { verdict: "will be published", why: `to ${letter.origin.name}` };
    const reaction = await reactionTo(desk, letter.group, envelope);
    refuseForgotten(envelope);
    return await previewAtInbox(desk, letter, reaction);
  } catch (error) {
    return { verdict: "fails", why: error instanceof Error ? error.message : String(error) };
  }
}

async function reactionTo(desk: Desk, group: string, { type, version }: Envelope): Promise<Reaction | undefined> {
  const reactions = await desk.reactionsOf(group);
  if (reactions === undefined) return undefined;
  const found = reactions.find((each) => each.type === type && each.version === version);
  if (found === undefined) throw new Error(`${group} has no reaction to ${type} version ${version}`);
  return found;
}

async function previewAtInbox({ database }: Desk, letter: Letter, known: Reaction | undefined): Promise<Preview> {
  const reaction = known && { reaction: known };
  const [row] = await query<{ handledAt: number | null; nextId: string | null }>(
    database,
    "dead_letter_preview",
    `select (select ${inMs("min(handled_at)")} from processed_messages where consumer = $1 and message_id = $2) as "handledAt",
       (select next_id from inbox_parked_keys where consumer = $1 and key = $3 and next_id <> $2) as "nextId"`,
    [letter.group, letter.messageId, letter.key],
  );
  if (row?.handledAt)
    return { verdict: "skipped", why: `${letter.group} handled it at ${toDate(row.handledAt).toISOString()}` };
  if (row?.nextId)
    return { verdict: "waits", why: `key ${letter.key} is parked by message ${row.nextId}`, ...reaction };
  const unknown = known === undefined ? "; what it does about it is not on this machine" : "";
  return { verdict: "will run", why: `${letter.group} handles it from the start${unknown}`, ...reaction };
}
