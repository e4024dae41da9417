import { type Database, query, type Transaction } from "./database.ts";
import type { Log } from "./log.ts";

/**
 * Throws, with the way out, where the log cannot be trusted: the register is not attached, the sequence hands out
 * positions in blocks, or it lags behind the table, as after a restore that brought back one and not the other.
 */
export async function checkLog(handle: Database | Transaction, log: Log): Promise<void> {
  const [top] = await query<{ position: number }>(
    handle,
    `log_top_${log.namespace}`,
    `select coalesce(max(position), 0)::float8 as position from ${log.table}`,
  );
  const [found] = await query<{ last: number; cache: number; pinned: boolean }>(
    handle,
    `log_check_${log.namespace}`,
    `select last_value::float8 as last,
       (select seqcache::float8 from pg_sequence where seqrelid = '${log.sequence}'::regclass) as cache,
       exists (select from pg_trigger where tgrelid = '${log.table}'::regclass and tgfoid = 'log_pin'::regproc
         and tgenabled in ('O', 'A')) as pinned
     from ${log.sequence}`,
  );
  if (!found?.pinned) {
    throw new Error(
      `Log ${log.table} has no log_pin trigger: readers would lose rows. Create it, see @throughline/log.`,
    );
  }
  if (found.cache !== 1) {
    throw new Error(`Sequence ${log.sequence} has cache ${found.cache}: readers would lose rows. Alter it to cache 1.`);
  }
  const position = top?.position ?? 0;
  if (found.last < position) {
    throw new Error(
      `Sequence ${log.sequence} stands at ${found.last} and log ${log.table} at ${position}: restored or switched over? ` +
        `New rows would be hidden from readers. Set the sequence to ${position} or more before anything is written.`,
    );
  }
}
