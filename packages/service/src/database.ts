import { AsyncResource } from "node:async_hooks";
import { Socket } from "node:net";
import { metrics } from "@opentelemetry/api";
import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import pg from "pg";
import type { Config } from "./config.ts";
import { placeOf } from "./database-place.ts";
import { createLogger } from "./logger.ts";
import { closePart } from "./parts.ts";

export type Database = AsyncDisposable & {
  /** What log, event store, outbox and inbox call the database, and take. */
  readonly handle: NodePgDatabase;
  readonly pool: pg.Pool;
  /** Rejects where the database does not answer: the check for `/readyz`. */
  ping(): Promise<void>;
};

type DatabaseConfig = Pick<Config, "service" | "logLevel" | "databaseUrl" | "databasePoolSize" | "handlerTimeoutMs">;

/**
 * Opens a pool and proves that the database answers. Closing waits until every connection has come back. The database
 * itself ends a statement that takes longer than a handler may, and a transaction that pauses twice as long: an open one
 * would hold back every reader of the logs.
 */
export async function openDatabase(config: DatabaseConfig): Promise<Database> {
  const pool = new pg.Pool({
    connectionString: config.databaseUrl,
    max: config.databasePoolSize,
    application_name: config.service,
    connectionTimeoutMillis: 5_000,
    statement_timeout: config.handlerTimeoutMs,
    idle_in_transaction_session_timeout: 2 * config.handlerTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    // What a transaction asks side by side goes out at once, and is answered in that order.
    pipeline: true,
    // Statements are planned once. Left to itself, Postgres plans those with lists anew each time.
    options: "-c plan_cache_mode=force_generic_plan",
    idleTimeoutMillis: 300_000,
  });
  const log = createLogger(config);
  // Nobody waits for a connection that is idle, or in the hands of a transaction that is busy elsewhere; without these
  // two, its loss would end the process. The pool drops it, and whoever uses it next is told by a rejected query.
  pool.on("error", (err) => log.warn({ err }, "lost an idle database connection"));
  pool.on("connect", (connection) => {
    connection.on("error", (err) => log.warn({ err }, "lost a database connection"));
    nameStatements(connection);
  });
  returnLostConnections(pool);
  keepContext(pool);
  observePool(pool);
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
    throw new Error(`The database at ${placeOf(config.databaseUrl)} does not answer`, { cause });
  }
  return database;
}

/** Under the names of OpenTelemetry's conventions. */
function observePool(pool: pg.Pool): void {
  const meter = metrics.getMeter("throughline");
  const connections = meter.createObservableUpDownCounter("db.client.connection.count", { unit: "{connection}" });
  const waiting = meter.createObservableUpDownCounter("db.client.connection.pending_requests", { unit: "{request}" });
  meter.addBatchObservableCallback(
    (result) => {
      result.observe(connections, pool.idleCount, { "db.client.connection.state": "idle" });
      result.observe(connections, pool.totalCount - pool.idleCount, { "db.client.connection.state": "used" });
      result.observe(waiting, pool.waitingCount);
    },
    [connections, waiting],
  );
}

/**
 * drizzle sends BEGIN outside of its `try`, so a connection that dies between checkout and BEGIN would never come back,
 * and a pool whose connections all did is stuck for good. Whoever holds a dead one has a second to give it back.
 */
function returnLostConnections(pool: pg.Pool): void {
  const inUse = new Set<pg.PoolClient>();
  pool.on("acquire", (connection) => inUse.add(connection));
  pool.on("release", (_error, connection) => inUse.delete(connection));
  pool.on("connect", (connection) => {
    connection.once("end", () => {
      setTimeout(() => inUse.has(connection) && connection.release(true), 1_000).unref();
    });
  });
}

/**
 * The pool calls whoever waited for a connection from where another gave it back: without this, the statement would be a
 * span in that one's trace.
 */
function keepContext(pool: pg.Pool): void {
  type Take = (error: Error | undefined, connection: pg.PoolClient | undefined, release: () => void) => void;
  const connect = pool.connect.bind(pool);
  Object.assign(pool, { connect: (take?: Take) => (take ? connect(AsyncResource.bind(take)) : connect()) });
}

const mostNames = 500;
const names = new Map<string, string>();

/**
 * drizzle's builder sends its statements without a name, and Postgres would parse and plan each of them anew, which
 * costs more than most take to run. Texts that vary without end keep to the first 500.
 */
function nameStatements(connection: pg.ClientBase): void {
  const query = connection.query.bind(connection) as (statement: unknown, ...rest: unknown[]) => unknown;
  const socket = socketOf(connection);
  let isCorked = false;
  const uncork = () => {
    isCorked = false;
    socket?.uncork();
  };
  // What is asked in one turn of the event loop leaves in one write.
  const named = (statement: unknown, ...rest: unknown[]) => {
    if (!isCorked) {
      isCorked = true;
      socket?.cork();
      process.nextTick(uncork);
    }
    return query(withName(statement, rest[0]), ...rest);
  };
  Object.assign(connection, { query: named });
}

/** `pg` does not tell it in its types. */
function socketOf(connection: object): Socket | undefined {
  const { stream } = (connection as { readonly connection?: { readonly stream?: unknown } }).connection ?? {};
  return stream instanceof Socket ? stream : undefined;
}

function withName(statement: unknown, values: unknown): unknown {
  if (!isUnnamed(statement) || !Array.isArray(values) || values.length === 0) return statement;
  const { text } = statement;
  const [verb = "statement"] = /\w+/.exec(text) ?? [];
  if (!names.has(text) && names.size < mostNames) names.set(text, `${verb}_${names.size + 1}`);
  return { ...statement, name: names.get(text) };
}

function isUnnamed(statement: unknown): statement is { readonly text: string } {
  if (typeof statement !== "object" || statement === null || "submit" in statement) return false;
  return "text" in statement && typeof statement.text === "string" && !("name" in statement && statement.name);
}
