/** What is written first: everything above the last position seen. */
import type { Measure } from "../harness/bench.ts";
import { type Row, stress } from "./stress.ts";

export const measure: Measure = (place) =>
  stress(place, {
    create: (pool) =>
      pool.query(
        "create table notes (position bigint generated always as identity primary key, writer int, number int)",
      ),
    follow(pool) {
      let after = "0";
      return async () => {
        const text = "select position, writer, number from notes where position > $1 order by position limit 500";
        const { rows } = await pool.query<Row & { position: string }>(text, [after]);
        after = rows.at(-1)?.position ?? after;
        return rows;
      };
    },
  });
