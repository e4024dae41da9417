import { eventLog } from "@throughline/event-store";
import { readRetentionDays } from "@throughline/inbox";
import { checkLog, type Log } from "@throughline/log";
import { outboxLog } from "@throughline/outbox";
import { readStates } from "@throughline/outbox/operation";
import type { Database } from "@throughline/service";
import type { DatabaseFacts } from "./check.ts";

type Pool = Database["pool"];

type Server = {
  readonly isolation: string;
  readonly idle: number;
  readonly connections: number;
  readonly now: Date;
};

/** Asks the database for what the checks look at. Changes nothing. */
export async function readDatabase({ handle, pool }: Pick<Database, "handle" | "pool">): Promise<DatabaseFacts> {
  const askedAt = Date.now();
  const { rows } = await pool.query<Server>(
    `select current_setting('default_transaction_isolation') as isolation,
       (select setting::int from pg_settings where name = 'idle_in_transaction_session_timeout') as idle,
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as connections,
       clock_timestamp() as now`,
  );
  const [server] = rows;
  if (server === undefined) throw new Error("The database answered a question about itself with nothing");
  const isLost = await losesSessions(pool);
  return {
    isolation: server.isolation,
    idleInTransactionMs: server.idle,
    connections: server.connections,
    // As if it had been asked half-way through: the truth is at most half of the round trip away.
    clockAheadMs: server.now.getTime() - (askedAt + Date.now()) / 2,
    losesSessions: isLost,
    // Asked by prepared statements, which need the session that prepared them.
    brokenLogs: isLost ? [] : await findBrokenLogs(handle, pool),
    inboxDays: isLost ? undefined : await readRetentionDays(handle),
    destinations: isLost ? [] : await findDestinations(handle, pool),
  };
}

/**
 * Whether a connection is still the one on which a setting was made, after somebody else had reason to be given its
 * session. Without a pooler it always is.
 */
async function losesSessions(pool: Pool): Promise<boolean> {
  if (pool.options.max < 2) return false;
  const [one, other] = [await pool.connect(), await pool.connect()];
  const mark = "select set_config('throughline.session', $1, false)";
  try {
    await one.query("begin");
    await one.query("select 1");
    await other.query(mark, ["other"]);
    // Now two sessions are free, and a pooler gives out the one that came back last.
    await one.query("rollback");
    await one.query(mark, ["one"]);
    const { rows } = await other.query<{ mark: string }>("select current_setting('throughline.session', true) as mark");
    return rows[0]?.mark !== "other";
  } finally {
    one.release();
    other.release();
  }
}

async function findBrokenLogs(handle: Database["handle"], pool: Pool): Promise<string[]> {
  const faults = await Promise.all([outboxLog, eventLog].map((log) => faultOf(handle, pool, log)));
  return faults.flatMap((fault) => fault ?? []);
}

async function faultOf(handle: Database["handle"], pool: Pool, log: Log): Promise<string | undefined> {
  if (!(await exists(pool, log.table))) return undefined;
  try {
    await checkLog(handle, log);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function findDestinations(handle: Database["handle"], pool: Pool): Promise<DatabaseFacts["destinations"]> {
  return (await exists(pool, "outbox_destinations")) ? readStates(handle) : [];
}

export async function exists(pool: Pool, table: string): Promise<boolean> {
  const { rows } = await pool.query<{ found: boolean }>("select to_regclass($1) is not null as found", [table]);
  return rows[0]?.found === true;
}
