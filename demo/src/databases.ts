import pg from "pg";
import { type ServiceName, serviceNames } from "./flow.ts";

/** What can be asked in SQL: a pool, or one connection. */
export type Queryable = Pick<pg.Pool | pg.Client, "query">;

/** The four databases, each known to its service alone, and here to the auditor. */
export type Databases = { readonly [name in ServiceName]: Queryable };

export function openDatabases(urls: { readonly [name in ServiceName]: string }): Databases & AsyncDisposable {
  const pools = serviceNames.map((name) => {
    const pool = new pg.Pool({ connectionString: urls[name], max: 2, application_name: "demo" });
    // An idle connection that breaks is replaced by the next query, which tells if that fails.
    pool.on("error", () => undefined);
    return [name, pool] as const;
  });
  return {
    ...(Object.fromEntries(pools) as { [name in ServiceName]: pg.Pool }),
    async [Symbol.asyncDispose]() {
      await Promise.all(pools.map(([, pool]) => pool.end()));
    },
  };
}

export async function rowsOf<Row>(database: Queryable, text: string, values: readonly unknown[] = []): Promise<Row[]> {
  const { rows } = await database.query(text, [...values]);
  return rows as Row[];
}
