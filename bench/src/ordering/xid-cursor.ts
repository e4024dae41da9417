/** The usual cure, with care: only what is older than every open transaction, by transaction and position, both kept. */
import type { Measure } from "../harness/bench.ts";
import { createWithXid, type Row, stress } from "./stress.ts";

const text = `select xid::text, position, writer, number from notes
  where (xid, position) > ($1::text::xid8, $2) and xid < pg_snapshot_xmin(pg_current_snapshot())
  order by notes.xid, position limit 500`;

export const measure: Measure = (place) =>
  stress(place, {
    create: (pool) => pool.query(createWithXid),
    follow(pool) {
      let after = { xid: "0", position: "0" };
      return async () => {
        const { rows } = await pool.query<Row & typeof after>(text, [after.xid, after.position]);
        after = rows.at(-1) ?? after;
        return rows;
      };
    },
  });
