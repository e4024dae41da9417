import { hasTable, rowsOf, type Snapshot } from "./databases.ts";
import { type Period, widen } from "./period.ts";
import { openStream, type Stream } from "./stream.ts";

/** A row of an outbox: what a service has to tell, since it committed. */
export type Told = {
  readonly service: string;
  readonly id: string;
  readonly type: string;
  readonly key: string;
  readonly source: string;
  readonly sequence: number;
  readonly position: number;
  /** ISO 8601, UTC: when the message was made. */
  readonly timestamp: string;
};

/** What the outboxes have told, by id; with a day on each side. */
export async function streamTold(
  { service, client }: Snapshot,
  period: Period,
  take: (told: Told) => void,
): Promise<Stream[]> {
  if (!(await hasTable(client, "outbox"))) return [];
  const { from, to } = widen(period);
  const text = `
    select '${service}' as service, lower(id) as id, type, key, source, sequence::float8 as sequence,
      position::float8 as position, "timestamp"
    from outbox where "timestamp" collate "C" >= $1 and "timestamp" collate "C" < $2 order by lower(id) collate "C"`;
  return [await openStream<Told>(client, { text, values: [from.toISOString(), to.toISOString()], take })];
}

/** Where a message stands that has not arrived: whom it waits for in the database of its service. */
export type Standing = {
  /** How far the relays are, by destination; undefined where none ever was. */
  readonly passed: ReadonlyMap<string, number>;
  /** Destinations by id. */
  readonly parked: ReadonlyMap<string, string>;
  readonly dead: ReadonlyMap<string, string>;
  /** The oldest message that is still kept; undefined where all ever told is. */
  readonly keptFrom: Date | undefined;
};

export async function readStanding({ client }: Snapshot): Promise<Standing | undefined> {
  if (!(await hasTable(client, "outbox"))) return undefined;
  const cursors = await rowsOf<{ reader: string; position: number }>(
    client,
    `select reader, min(position)::float8 as position from log_cursors where log = 'outbox' group by reader`,
  );
  return {
    passed: new Map(cursors.map(({ reader, position }) => [reader, position])),
    parked: await destinations(client, "outbox_parked"),
    dead: await destinations(client, "outbox_dead"),
    keptFrom: await readKeptFrom(client),
  };
}

async function destinations(client: Snapshot["client"], table: string): Promise<Map<string, string>> {
  const rows = await rowsOf<{ id: string; destination: string }>(
    client,
    `select lower(id) as id, destination from ${table}`,
  );
  return new Map(rows.map(({ id, destination }) => [id, destination]));
}

/** Partitions are dropped from the first on. */
async function readKeptFrom(client: Snapshot["client"]): Promise<Date | undefined> {
  if (await hasTable(client, "outbox_p1")) return undefined;
  const [oldest] = await rowsOf<{ timestamp: string }>(
    client,
    `select "timestamp" from outbox order by position limit 1`,
  );
  return new Date(oldest?.timestamp ?? Date.now());
}
