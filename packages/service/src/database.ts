import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import pg from "pg";
import { createLogger } from "./logger.ts";
import { closePart } from "./parts.ts";

export type Database = AsyncDisposable & {
  /** What log, event store, outbox and inbox take. */
  readonly handle: NodePgDatabase;
  readonly pool: pg.Pool;
  /** Rejects where the database does not answer: the check for `/readyz`. */
  ping(): Promise<void>;
};

export type DatabaseSettings = {
  /** Also the connections' `application_name`. */
  readonly service: string;
  readonly logLevel: string;
  readonly databaseUrl: string;
  readonly databasePoolSize: number;
  /** Longest run of one statement, in milliseconds. Default: 30,000. */
  readonly statementTimeoutMs?: number;
  /** Longest pause inside a transaction, in milliseconds: an open one holds back every reader. Default: 60,000. */
  readonly idleInTransactionMs?: number;
};

/** Opens a pool and proves that the database answers. Closing waits until every connection has come back. */
export async function openDatabase(settings: DatabaseSettings): Promise<Database> {
  const pool = new pg.Pool({
    connectionString: settings.databaseUrl,
    max: settings.databasePoolSize,
    application_name: settings.service,
    connectionTimeoutMillis: 5_000,
    statement_timeout: settings.statementTimeoutMs ?? 30_000,
    idle_in_transaction_session_timeout: settings.idleInTransactionMs ?? 60_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  });
  const log = createLogger(settings);
  // Nobody waits for a connection that is idle, or in the hands of a transaction that is busy elsewhere; without these
  // two, its loss would end the process. The pool drops it, and whoever uses it next is told by a rejected query.
  pool.on("error", (err) => log.warn({ err }, "lost an idle database connection"));
  pool.on("connect", (connection) => {
    connection.on("error", (err) => log.warn({ err }, "lost a database connection"));
  });
  const database: Database = {
    handle: drizzle(pool),
    pool,
    ping: async () => void (await pool.query("select 1")),
    [Symbol.asyncDispose]: () => closePart("database", () => pool.end()),
  };
  try {
    await database.ping();
  } catch (cause) {
    await pool.end();
    throw new Error(`The database at ${placeOf(settings.databaseUrl)} does not answer`, { cause });
  }
  return database;
}

function placeOf(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port || 5432}${pathname}`;
}
