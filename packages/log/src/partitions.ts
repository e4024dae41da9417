import type { Database } from "./database.ts";

/**
 * Changes the partitions of a table in one statement of PL/pgSQL, which commits by itself, so that no lock is held for as
 * long as this process needs to say the next thing. Does nothing while another process is at them; where others are in the
 * way for longer than 30 ms it rejects, with code 55P03, and is to be tried again later.
 */
export async function changePartitions(database: Database, table: string, statements: string): Promise<void> {
  await database.execute(`
    set local statement_timeout = 0;
    set local lock_timeout = '30ms';
    do $$ begin
      if not pg_try_advisory_xact_lock(hashtextextended('throughline.${table}.partitions', 0)) then return; end if;
      ${statements}
    end $$`);
}

/**
 * Drops a partition beside a default one, likewise; none where it is gone. Writers wait from the moment on at which the whole table is asked for,
 * which is for 50 ms at most: by then nobody is in the way of the rest.
 */
export function dropPartition(database: Database, table: string, partition: string): Promise<void> {
  return changePartitions(
    database,
    table,
    `lock table ${partition}, ${table}_default in access exclusive mode;
    lock table only ${table} in access exclusive mode;
    drop table ${partition};
    exception when undefined_table then null;`,
  );
}
