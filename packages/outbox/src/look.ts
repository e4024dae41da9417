import { type Database, query, type ReaderLane, readLanes } from "@throughline/log";
import { outboxLog } from "./outbox-log.ts";

/** A key whose next message the destination has refused. */
export type ParkedKey = {
  readonly key: string;
  readonly messages: number;
  /** Refusals of its first message so far. */
  readonly attempts: number;
  /** Milliseconds until it is tried again, 0 where it is due; absent where it waits for a person. */
  readonly retryInMs?: number;
  readonly error: string;
};

/** The lanes of a destination: how far each has come, and which relay has it. */
export function readLanesOf(database: Database, destination: string): Promise<ReaderLane[]> {
  return readLanes(database, outboxLog, destination);
}

/** Those that have been parked longest. */
export async function readParkedKeysOf(
  database: Database,
  destination: string,
  { most = 20 } = {},
): Promise<ParkedKey[]> {
  const rows = await query<Omit<ParkedKey, "retryInMs"> & { readonly retryInMs: number | null }>(
    database,
    "outbox_look_parked",
    `select key, attempts, coalesce(error, '') as error,
       (select count(*)::int from outbox_parked p where p.destination = k.destination and p.key = k.key) as messages,
       case when retry_at < 'infinity'
         then greatest(0, extract(epoch from retry_at - clock_timestamp()) * 1000)::float8 end as "retryInMs"
     from outbox_parked_keys k where destination = $1 order by parked_at, key limit $2`,
    [destination, most],
  );
  return rows.map(({ retryInMs, ...key }) => (retryInMs === null ? key : { ...key, retryInMs }));
}
