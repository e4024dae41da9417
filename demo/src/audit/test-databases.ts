import { readdirSync, readFileSync } from "node:fs";
import { createTestDatabase } from "@throughline/local/testing";
import pg from "pg";
import { type ServiceName, serviceNames } from "../flow.ts";

export type TestDatabases = { readonly [name in ServiceName]: pg.Client } & AsyncDisposable;

const root = new URL("../../../", import.meta.url);
const ofAll = ["packages/log", "packages/event-store", "packages/outbox", "packages/inbox"];

/** Four databases with the services' own tables, and one connection to each. */
export async function createTestDatabases(): Promise<TestDatabases> {
  await using opening = new AsyncDisposableStack();
  const clients: { [name in ServiceName]?: pg.Client } = {};
  for (const name of serviceNames) {
    const database = opening.use(await createTestDatabase());
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    opening.defer(() => client.end());
    for (const folder of [...ofAll, `services/${name}`]) await migrate(client, new URL(`${folder}/migrations/`, root));
    clients[name] = client;
  }
  const opened = opening.move();
  return { ...(clients as { [name in ServiceName]: pg.Client }), [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

async function migrate(client: pg.Client, folder: URL): Promise<void> {
  const files = readdirSync(folder).filter((file) => file.endsWith(".sql"));
  for (const file of files.sort()) await client.query(readFileSync(new URL(file, folder), "utf8"));
}
