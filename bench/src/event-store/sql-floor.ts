/** A table with a unique version per stream, one prepared insert and one prepared select: no streams, no expectations. */
import type { Measure } from "../harness/bench.ts";
import { openPool } from "../harness/raw-database.ts";
import { dataOf } from "./basket.ts";
import { measureEventStore } from "./measure-event-store.ts";

export const measure: Measure = async ({ databaseUrl }) => {
  await using pool = openPool(databaseUrl, 16);
  await pool.query(`create table events (position bigint generated always as identity primary key, stream_id text,
    version integer, type text, data jsonb, unique (stream_id, version))`);
  const insert = (streamId: string, version: number, number: number) => {
    const text = "insert into events (stream_id, version, type, data) values ($1, $2, 'added', $3) returning position";
    return pool.query({ name: "insert", text, values: [streamId, version, JSON.stringify(dataOf(number))] });
  };
  return await measureEventStore(databaseUrl, {
    append: (streamId, number) => insert(streamId, 1, number),
    async fill(streamId, numbers) {
      for (const [index, number] of numbers.entries()) await insert(streamId, index + 1, number);
    },
    async load(streamId) {
      const text = "select version, type, data from events where stream_id = $1 order by version";
      return (await pool.query({ name: "load", text, values: [streamId] })).rows.length;
    },
    async readNumbers() {
      const text = "select (data ->> 'number')::integer as number from events";
      return (await pool.query<{ number: number }>(text)).rows.map(({ number }) => number);
    },
  });
};
