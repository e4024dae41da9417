import { hasTable, rowsOf, type Snapshot } from "./databases.ts";
import { type Period, widen } from "./period.ts";
import { openStream, type Stream } from "./stream.ts";

/** A row of an inbox: what a group has handled. */
export type Handled = { readonly id: string; readonly group: string; readonly day: string };

/** An event, or several of them, that a message is the cause of. */
export type Caused = {
  readonly id: string;
  readonly service: string;
  readonly stream: string;
  readonly type: string;
  readonly times: number;
  readonly day: string;
};

/** What the groups have handled, by id; with a day on each side. One stream for each, in the order of its key. */
export async function streamHandled(
  { client }: Snapshot,
  groups: readonly string[],
  period: Period,
  take: (handled: Handled) => void,
): Promise<Stream[]> {
  const text = `
    select message_id::text as id, consumer as "group", message_day::text as day from processed_messages
    where consumer = $1 and message_day >= $2::date and message_day <= $3::date order by message_id`;
  const { from, to } = widen(period);
  const streams: Stream[] = [];
  for (const group of groups) streams.push(await openStream(client, { text, values: [group, from, to], take }));
  return streams;
}

/** What messages have caused in the event store, by the id of the message. */
export async function streamCaused(
  { service, client }: Snapshot,
  period: Period,
  take: (caused: Caused) => void,
): Promise<Stream[]> {
  if (!(await hasTable(client, "events"))) return [];
  const { from, to } = widen(period);
  const text = `
    select lower(metadata ->> 'causationId') as id, '${service}' as service, stream_id as stream, type,
      count(*)::int as times, (min(recorded_at) at time zone 'utc')::date::text as day
    from events where recorded_at >= $1 and recorded_at < $2 and metadata ->> 'causationId' is not null
    group by 1, 3, 4 order by lower(metadata ->> 'causationId') collate "C"`;
  return [await openStream<Caused>(client, { text, values: [from, to], take })];
}

/** Which of the messages with these ids the groups have handled, by group and id. */
export async function readCorrected(
  { client }: Snapshot,
  groups: readonly string[],
  ids: readonly string[],
): Promise<string[]> {
  if (groups.length === 0 || ids.length === 0) return [];
  const text = `select consumer || ' ' || message_id as name from processed_messages
    where consumer = any($1) and message_id = any($2::uuid[])`;
  return (await rowsOf<{ name: string }>(client, text, [groups, ids])).map(({ name }) => name);
}

/** Messages that wait in an inbox for a dead one of their key, by group and id. */
export async function readParked({ client }: Snapshot): Promise<ReadonlySet<string>> {
  if (!(await hasTable(client, "inbox_parked"))) return new Set();
  const text = `select consumer || ' ' || message_id as name from inbox_parked where wire is not null and died_at is null`;
  return new Set((await rowsOf<{ name: string }>(client, text)).map(({ name }) => name));
}
