/** A writer, and a reader that looks each 5 ms: what looking costs where nothing else is done. */
import { setTimeout as pause } from "node:timers/promises";
import type { Measure } from "../harness/bench.ts";
import { openPool } from "../harness/raw-database.ts";
import { measureLatency } from "./measure-latency.ts";

export const measure: Measure = async ({ databaseUrl }) => {
  await using pool = openPool(databaseUrl, 2);
  await pool.query("create table queue (position bigint generated always as identity primary key, id text, wire text)");
  const text = "select position, id from queue where position > $1 order by position";
  return await measureLatency({
    write: (sample) =>
      pool.query({
        name: "insert",
        text: "insert into queue (id, wire) values ($1, $2)",
        values: [sample.id, JSON.stringify(sample)],
      }),
    async start(take) {
      let [isOpen, after] = [true, "0"];
      const reading = (async () => {
        while (isOpen) {
          const { rows } = await pool.query<{ position: string; id: string }>({ name: "read", text, values: [after] });
          for (const { id } of rows) take(id);
          after = rows.at(-1)?.position ?? after;
          await pause(5);
        }
      })();
      return {
        async [Symbol.asyncDispose]() {
          isOpen = false;
          await reading;
        },
      };
    },
  });
};
