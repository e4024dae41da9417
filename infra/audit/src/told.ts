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
  /** Of its key: with the number of lanes, it says in which of them the message is. */
  readonly slot: number;
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
      position::float8 as position, slot, "timestamp"
    from outbox where "timestamp" collate "C" >= $1 and "timestamp" collate "C" < $2 order by lower(id) collate "C"`;
  return [await openStream<Told>(client, { text, values: [from.toISOString(), to.toISOString()], take })];
}

/** Where a message stands that has not arrived: whom it waits for in the database of its service. */
export type Standing = {
  /** How far the relays are, by destination, in each lane; absent where none ever was. */
  readonly passed: ReadonlyMap<string, readonly number[]>;
  /** The types that a destination gets; absent where it gets all. */
  readonly types: ReadonlyMap<string, readonly string[]>;
  /** Destination and id. */
  readonly parked: ReadonlySet<string>;
  readonly dead: ReadonlySet<string>;
  /** The oldest message that is still kept; undefined where all ever told is. */
  readonly keptFrom: Date | undefined;
};

export async function readStanding({ client }: Snapshot): Promise<Standing | undefined> {
  if (!(await hasTable(client, "outbox"))) return undefined;
  const cursors = await rowsOf<{ reader: string; lanes: number[] }>(
    client,
    `select reader, array_agg(position::float8 order by lane) as lanes from log_cursors where log = 'outbox' group by reader`,
  );
  const choosy = await rowsOf<{ destination: string; types: string[] }>(
    client,
    "select destination, types from outbox_destinations where types is not null",
  );
  return {
    passed: new Map(cursors.map(({ reader, lanes }) => [reader, lanes])),
    types: new Map(choosy.map(({ destination, types }) => [destination, types])),
    parked: await namesIn(client, "outbox_parked"),
    dead: await namesIn(client, "outbox_dead"),
    keptFrom: await readKeptFrom(client),
  };
}

async function namesIn(client: Snapshot["client"], table: string): Promise<Set<string>> {
  const rows = await rowsOf<{ name: string }>(client, `select destination || ' ' || lower(id) as name from ${table}`);
  return new Set(rows.map(({ name }) => name));
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
