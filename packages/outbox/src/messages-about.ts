import { type Database, query, type Transaction } from "@throughline/log";
import { lastBefore } from "./place.ts";

/** What an outbox was given to tell about one key. */
export type About = {
  /** In their order. */
  readonly messages: readonly MessageAbout[];
  /** So many more were written: too long after the first to be looked for, or no longer kept. */
  readonly others: number;
};

export type MessageAbout = {
  readonly id: string;
  readonly type: string;
  /** When it was written. */
  readonly at: Date;
  /** Every destination that it is for. */
  readonly roads: readonly { readonly destination: string; readonly state: RoadState }[];
};

/** `dead`: refused for good, and not yet taken over as a dead letter; once it is, it counts as one that has left. */
export type RoadState = "left" | "waits" | "parked" | "dead";

/** Messages that are looked through from the first about a key on. */
const mostLookedThrough = 50_000;
/** In milliseconds. Where transactions are open for longer when they write, messages from around then may not be found. */
const openMs = 10_000;

/**
 * The messages about a key, and how far each has come by each road. No index has the key, which every message would pay
 * for: they are looked for from the moment on when the key was first counted, until as many are found as were counted.
 */
export function readMessagesAbout(database: Database, key: string): Promise<About> {
  return database.transaction(async (tx) => {
    const [counted] = await query<{ count: number; begunAt: number | null }>(tx, "outbox_counted", countOf, [key]);
    if (counted === undefined || counted.count === 0) return { messages: [], others: 0 };
    const { count, begunAt } = counted;
    const after = begunAt === null ? 0 : await lastBefore(tx, begunAt, openMs);
    const messages = await findMessages(tx, { key, after, count });
    return { messages, others: count - messages.length };
  });
}

type Search = { readonly key: string; readonly after: number; readonly count: number };
type Row = Omit<MessageAbout, "at" | "roads"> & {
  readonly at: number;
  readonly destination: string | null;
  readonly state: RoadState;
};

async function findMessages(tx: Transaction, { key, after, count }: Search): Promise<MessageAbout[]> {
  const rows = await query<Row>(tx, "outbox_about", aboutKey, [key, after, mostLookedThrough, count]);
  return [...Map.groupBy(rows, ({ id }) => id).values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const { id, type, at } = first;
    const roads = [first, ...others].flatMap(({ destination, state }) =>
      destination === null ? [] : [{ destination, state }],
    );
    return [{ id, type, at: new Date(at), roads }];
  });
}

// From source to source by the index, of which the key is the second part.
const countOf = `
  with recursive sources as (
    select min(source) as source from outbox_sequences
    union all
    select (select min(o.source) from outbox_sequences o where o.source > s.source) from sources s where s.source is not null
  )
  select coalesce(sum(o.sequence), 0)::float8 as count, (extract(epoch from min(o.begun_at)) * 1000)::float8 as "begunAt"
  from sources s join outbox_sequences o on o.source = s.source and o.key = $1`;

const aboutKey = `
  with found as (
    select * from (
      select position, slot, created_at, key, id, type from outbox where position > $2 order by position limit $3
    ) o where key = $1 order by position limit $4
  ), lanes as (
    select c.reader as destination, c.lane, c.position, count(*) over (partition by c.reader) as lanes, d.types
    from log_cursors c left join outbox_destinations d on d.destination = c.reader where c.log = 'outbox'
  )
  select f.id, f.type, (extract(epoch from f.created_at) * 1000)::float8 as at, l.destination,
    case
      when exists (select from outbox_parked p
        where p.destination = l.destination and p.key = $1 and p.position = f.position) then 'parked'
      when exists (select from outbox_dead d where d.destination = l.destination and d.position = f.position) then 'dead'
      when f.position <= l.position then 'left' else 'waits'
    end as state
  from found f left join lanes l on f.slot % l.lanes = l.lane and (l.types is null or f.type = any(l.types))
  order by f.position, l.destination`;
