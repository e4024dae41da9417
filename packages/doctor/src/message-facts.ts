import type { Database } from "@throughline/service";
import type { MessageFacts } from "./check.ts";
import { exists } from "./database-facts.ts";

type Pool = Database["pool"];

/** The database of a service, and the groups whose inbox is there. */
export type Inbox = { readonly pool: Pool; readonly groups: readonly string[] };

/** How many messages of each group are looked at, and how many of each outbox, the newest of all. */
const [handledAtMost, toldAtMost] = [200, 20_000];
/** By how much the clocks of those who make ids and of the databases may differ. */
const clocksMs = 60_000;

/**
 * Compares what the groups have handled last with what the services have told. Changes nothing. The inboxes are asked
 * first: what is told in between is a cause, and no stranger.
 */
export async function readMessages(inboxes: readonly Inbox[]): Promise<MessageFacts> {
  const handled = (await Promise.all(inboxes.map(readHandled))).flat();
  const outboxes = await Promise.all(inboxes.map(({ pool }) => readTold(pool)));
  const known = new Set(outboxes.flatMap(({ ids }) => ids));
  const since = Math.max(0, ...outboxes.map((outbox) => outbox.since)) + clocksMs;
  return { strangers: handled.filter(({ id }) => !known.has(id) && momentIn(id) >= since) };
}

async function readHandled({ pool, groups }: Inbox): Promise<MessageFacts["strangers"][number][]> {
  if (!(await exists(pool, "processed_messages"))) return [];
  const text = `select consumer as "group", message_id::text as id from unnest($1::text[]) as consumers (name),
    lateral (select consumer, message_id from processed_messages
      where consumer = name and message_day >= (now() at time zone 'utc')::date - 1
      order by message_id desc limit $2) as newest`;
  return (await pool.query<{ group: string; id: string }>(text, [groups, handledAtMost])).rows;
}

/** The ids of what was told from a moment on, and of what went out in the place of a dead letter. */
async function readTold(pool: Pool): Promise<{ readonly ids: readonly string[]; readonly since: number }> {
  if (!(await exists(pool, "outbox"))) return { ids: [], since: 0 };
  const text = `select lower(id) as id, (extract(epoch from created_at) * 1000)::float8 as at
    from outbox order by position desc limit $1`;
  const { rows } = await pool.query<{ id: string; at: number }>(text, [toldAtMost]);
  const isWhole = rows.length < toldAtMost && (await exists(pool, "outbox_p1"));
  const replacements = (await exists(pool, "dead_letters"))
    ? await pool.query<{ id: string }>("select replaced_by::text as id from dead_letters where replaced_by is not null")
    : { rows: [] };
  return {
    ids: [...rows, ...replacements.rows].map(({ id }) => id),
    since: isWhole ? 0 : (rows.at(-1)?.at ?? Date.now()),
  };
}

/** Ids begin with their moment (RFC 9562, UUIDv7). */
function momentIn(id: string): number {
  return Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16);
}
