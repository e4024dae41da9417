import pg from "pg";

/** A pool without anything of ours, for SQL floors and for peers. */
export function openPool(connectionString: string, max = 20): pg.Pool & AsyncDisposable {
  const pool = new pg.Pool({ connectionString, max });
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.end() });
}

/** Does what would otherwise be done in the middle of measuring: statistics, hint bits, dirty pages. */
export async function settle(connectionString: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await client.query("vacuum analyze");
    await client.query("checkpoint");
  } finally {
    await client.end();
  }
}
