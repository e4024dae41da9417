import { type Database, type Holder, query, whatHoldsBack } from "@throughline/log";
import type { Destination } from "./destination.ts";
import { outboxLog } from "./outbox-log.ts";

export type DestinationStatus = {
  readonly destination: string;
  /** Messages that committed and have not been published, parked ones aside; counted up to 100,000. */
  readonly waiting: number;
  /** Age of the oldest of them, in milliseconds; 0 where none waits. */
  readonly oldestMs: number;
  /** Messages that wait for, or behind, one that was refused. */
  readonly parked: number;
  /** Messages that were refused for good. */
  readonly dead: number;
  /** Messages that this relay has published since it started. */
  readonly publishedTotal: number;
  /** The open transaction behind which messages cannot be published yet. */
  readonly heldBackBy?: Holder;
};

export async function readStatus(
  database: Database,
  destinations: readonly Destination[],
  lanes: number,
): Promise<DestinationStatus[]> {
  const holder = await whatHoldsBack(database, outboxLog);
  return Promise.all(
    destinations.map(async ({ name, types, publishedTotal }) => {
      const [row] = await query<{ waiting: number; oldestMs: number; parked: number; dead: number }>(
        database,
        "outbox_status",
        statusQuery,
        [name, lanes, types ?? null],
      );
      const { waiting = 0, oldestMs = 0, parked = 0, dead = 0 } = row ?? {};
      return {
        destination: name,
        waiting,
        oldestMs,
        parked,
        dead,
        publishedTotal,
        ...(holder === undefined ? {} : { heldBackBy: holder }),
      };
    }),
  );
}

// By position from each cursor on, which reads what waits and no more, whatever the planner believes.
const ofLanes = (columns: string, limit: number) => `from log_cursors c cross join lateral (
    select ${columns} from outbox o
    where o.position > c.position and o.slot % $2 = c.lane and ($3::text[] is null or o.type = any($3))
    order by o.position limit ${limit}
  ) as waiting where c.log = 'outbox' and c.reader = $1`;

const statusQuery = `
  select (select count(*)::int ${ofLanes("1", 100_000)}) as waiting,
    coalesce(extract(epoch from clock_timestamp() - (select min(created_at) ${ofLanes("o.created_at", 1)})) * 1000, 0)
      ::float8 as "oldestMs",
    (select count(*)::int from outbox_parked where destination = $1) as parked,
    (select count(*)::int from outbox_dead where destination = $1) as dead`;
