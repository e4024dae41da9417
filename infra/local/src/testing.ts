import { randomInt } from "node:crypto";
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

/** A short random name that is valid on every broker, such as `t3k9x2ab1`: its own for each test. */
export function uniqueName(prefix: string): string {
  return (
    prefix +
    randomInt(36 ** 8)
      .toString(36)
      .padStart(8, "0")
  );
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
