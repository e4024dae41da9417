import { randomInt } from "node:crypto";
import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import pg from "pg";

export type TestBrokers = {
  readonly postgres: string;
  readonly snsSqs: string;
  /** Absent where the machine has no Java or Maven. */
  readonly kafka?: string;
  /** Absent where the machine has no rabbitmq-server. */
  readonly rabbitmq?: string;
};

/** The addresses of what `npm test` started. */
export const testBrokers: TestBrokers = {
  postgres: required("TEST_POSTGRES_URL"),
  snsSqs: required("TEST_SNS_SQS_ENDPOINT"),
  ...optional("kafka", "TEST_KAFKA_BROKERS"),
  ...optional("rabbitmq", "TEST_RABBITMQ_URL"),
};

/** A fresh, empty database, which is dropped, whoever is still connected, when disposed. */
export async function createTestDatabase(): Promise<{ readonly url: string } & AsyncDisposable> {
  const name = uniqueName("test_");
  await administer(`CREATE DATABASE ${name}`);
  const url = new URL(testBrokers.postgres);
  url.pathname = name;
  return { url: url.href, [Symbol.asyncDispose]: () => administer(`DROP DATABASE ${name} WITH (FORCE)`) };
}

/** A package's, as its `migrations`. */
type Migrations = { readonly name: string; readonly folder: string };

/** A fresh database with the tables of the given packages, in their order. */
export async function openTestDatabase(
  ...packages: readonly Migrations[]
): Promise<{ readonly url: string; readonly database: NodePgDatabase } & AsyncDisposable> {
  const opened = new AsyncDisposableStack();
  const { url } = opened.use(await createTestDatabase());
  const { database } = opened.use(connect(url));
  await createTables(database, ...packages);
  return { url, database, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** Makes the tables of the given packages, in their order. */
export async function createTables(database: NodePgDatabase, ...packages: readonly Migrations[]): Promise<void> {
  for (const { name, folder } of packages) {
    const migrationsTable = `__migrations_${name.replaceAll("-", "_")}`;
    await migrate(database, { migrationsFolder: folder, migrationsTable });
  }
}

/** Connections of their own to a database, as another process would have them. */
export function connect(
  url: string,
  max = 20,
): { readonly database: NodePgDatabase; readonly pool: pg.Pool } & AsyncDisposable {
  const pool = new pg.Pool({ connectionString: url, max, pipeline: true });
  const open = new Set<pg.PoolClient>();
  pool.on("connect", (client) => {
    open.add(client);
    // A connection that dies in use also fails its statement; unheard, its error would end the process.
    client.on("error", () => undefined);
  });
  pool.on("remove", (client) => open.delete(client));
  return { database: drizzle(pool), pool, [Symbol.asyncDispose]: () => closePool(pool, open) };
}

/** A short random name that is valid on every broker, such as `t3k9x2ab1`: its own for each test. */
export function uniqueName(prefix: string): string {
  return (
    prefix +
    randomInt(36 ** 8)
      .toString(36)
      .padStart(8, "0")
  );
}

/**
 * `pool.end()` alone returns before its connections are closed, and dropping the database would then break them: also those
 * that the pool has forgotten, since a statement of theirs has failed.
 */
async function closePool(pool: pg.Pool, open: ReadonlySet<pg.PoolClient>): Promise<void> {
  const closed = Promise.withResolvers<void>();
  const resolveOnceClosed = () => open.size === 0 && closed.resolve();
  pool.on("remove", resolveOnceClosed);
  await pool.end();
  resolveOnceClosed();
  await closed.promise;
}

async function administer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: testBrokers.postgres });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function required(name: string): string {
  const value = process.env[name];
  if (!value)
    throw new Error(`These tests need brokers (${name} is not set). Run them with "npm test" in the root folder.`);
  return value;
}

function optional<Key extends string>(key: Key, name: string): { readonly [key in Key]?: string } {
  const value = process.env[name];
  return value ? ({ [key]: value } as { readonly [key in Key]?: string }) : {};
}
