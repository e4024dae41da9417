import { randomInt } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import type { BrokerAddresses } from "@throughline/local/brokers";
import pg from "pg";
import type { Place } from "./bench.ts";

/** Opens an empty database and a fresh namespace, for one contender and one round; both end with it. */
export async function openPlace(addresses: BrokerAddresses): Promise<{ readonly place: Place } & AsyncDisposable> {
  const { postgres, ...brokers } = addresses;
  const namespace = `b${randomInt(36 ** 8).toString(36)}`;
  const database = `bench_${namespace}`;
  await administer(postgres, (client) => client.query(`create database ${database}`));
  const url = new URL(postgres);
  url.pathname = database;
  return {
    place: { databaseUrl: url.href, namespace, ...brokers },
    [Symbol.asyncDispose]: () => administer(postgres, (client) => drop(client, database)),
  };
}

/** Pools say that they have ended before their connections have; one that is cut off would end its process. */
async function drop(client: pg.Client, database: string): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    const { rowCount } = await client.query("select from pg_stat_activity where datname = $1", [database]);
    if (rowCount === 0) break;
    await setTimeout(100);
  }
  await client.query(`drop database ${database} with (force)`);
}

async function administer(connectionString: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
