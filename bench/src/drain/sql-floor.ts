/** The least that a queue in a table costs: claim a batch with SKIP LOCKED, hand it over, delete it, commit. */
import type pg from "pg";
import type { Measure, Round } from "../harness/bench.ts";
import { openPool } from "../harness/raw-database.ts";
import { sampleOf } from "../harness/sample.ts";
import { type Drain, measureDrain } from "./measure-drain.ts";

const batchSize = 1_000;

export const measure: Measure = ({ databaseUrl }) =>
  withDrain(databaseUrl, (drain) => measureDrain(databaseUrl, 100_000, drain));

export async function withDrain(databaseUrl: string, work: (drain: Drain) => Promise<Round>): Promise<Round> {
  await using pool = openPool(databaseUrl);
  await pool.query("create table queue (number bigint generated always as identity primary key, id text, wire text)");
  return await work({
    load: (messages) => pool.query(fill, [messages, JSON.stringify(sampleOf(0))]),
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
}

async function drain(client: pg.PoolClient, take: (id: string) => void): Promise<void> {
  for (let claimed = batchSize; claimed > 0; ) {
    await client.query("begin");
    const { rows } = await client.query<{ number: string; id: string; wire: string }>(claim);
    for (const { id } of rows.sort((a, b) => Number(a.number) - Number(b.number))) take(id);
    await client.query("commit");
    claimed = rows.length;
  }
}

const fill = `insert into queue (id, wire)
  select '00000000-0000-7000-8000-' || lpad(to_hex(nth), 12, '0'), $2 from generate_series(0, $1::integer - 1) as nth`;

const claim = {
  name: "claim",
  text: `delete from queue
    where number = any(array(select number from queue order by number limit $1 for update skip locked))
    returning number, id, wire`,
  values: [batchSize],
};
