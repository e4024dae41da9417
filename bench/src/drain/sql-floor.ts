/** The least that a queue in a table costs: claim a batch with SKIP LOCKED, hand it over, delete it, commit. */
import type pg from "pg";
import type { Measure } from "../harness/bench.ts";
import { openPool } from "../harness/raw-database.ts";
import { portionsOf } from "../harness/sample.ts";
import { measureDrain } from "./measure-drain.ts";

const batchSize = 1_000;

export const measure: Measure = async ({ databaseUrl }) => {
  await using pool = openPool(databaseUrl);
  await pool.query("create table queue (number bigint generated always as identity primary key, id text, wire text)");
  return await measureDrain(databaseUrl, 100_000, {
    async load(messages) {
      for (const portion of portionsOf(messages)) {
        const wires = portion.map((sample) => JSON.stringify(sample));
        await pool.query("insert into queue (id, wire) select * from unnest($1::text[], $2::text[])", [
          portion.map(({ id }) => id),
          wires,
        ]);
      }
    },
    async start(take) {
      const client = await pool.connect();
      const draining = drain(client, take);
      return {
        async [Symbol.asyncDispose]() {
          await draining;
          client.release();
        },
      };
    },
  });
};

async function drain(client: pg.PoolClient, take: (id: string) => void): Promise<void> {
  for (let claimed = batchSize; claimed > 0; ) {
    await client.query("begin");
    const { rows } = await client.query<{ number: string; id: string; wire: string }>({
      name: "claim",
      text,
      values: [batchSize],
    });
    for (const { id } of rows.sort((a, b) => Number(a.number) - Number(b.number))) take(id);
    await client.query("commit");
    claimed = rows.length;
  }
}

const text = `delete from queue
  where number = any(array(select number from queue order by number limit $1 for update skip locked))
  returning number, id, wire`;
