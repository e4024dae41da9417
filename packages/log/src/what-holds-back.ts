import { type Database, query, type Transaction } from "./database.ts";
import type { Log } from "./log.ts";

/** The writer whose open transaction keeps readers from going further. */
export type Holder = {
  /** The server process, for `pg_terminate_backend`; absent for a prepared transaction. */
  readonly pid?: number;
  /** How long its transaction has been open, in milliseconds. */
  readonly ageMs: number;
  readonly application: string;
  /** As in `pg_stat_activity`: `active`, `idle in transaction`. */
  readonly state: string;
  /** Readers go no further than this position until it ends. */
  readonly position: number;
};

/** Who keeps readers back at this moment; `undefined` where they may read to the end. Belongs into every lag metric. */
export async function whatHoldsBack(handle: Database | Transaction, log: Log): Promise<Holder | undefined> {
  const [row] = await query<Omit<Holder, "pid"> & { pid: number | null }>(
    handle,
    `log_holder_${log.namespace}`,
    `select pin::float8 as position, p.pid, coalesce(application_name, '') as application,
       coalesce(state, 'prepared') as state,
       coalesce(extract(epoch from clock_timestamp() - xact_start) * 1000, 0)::float8 as "ageMs"
     from log_pins(${log.namespace}) p left join pg_stat_activity a on a.pid = p.pid
     where pin < (select last_value from ${log.sequence})
     order by pin, xact_start limit 1`,
  );
  if (row === undefined) return undefined;
  const { pid, ...holder } = row;
  return pid === null ? holder : { pid, ...holder };
}
