/** The statement of emmett-postgresql's `readMessagesBatch`: by transaction and position, of which only the position is kept. */
import type { Measure } from "../harness/bench.ts";
import { createWithXid, type Row, stress } from "./stress.ts";

const text = `select position, writer, number from notes
  where xid < pg_snapshot_xmin(pg_current_snapshot()) and position >= $1
  order by xid, position limit 100`;

export const measure: Measure = (place) =>
  stress(place, {
    create: (pool) => pool.query(createWithXid),
    follow(pool) {
      let from = 0n;
      return async () => {
        const { rows } = await pool.query<Row & { position: string }>(text, [from]);
        const last = rows.at(-1);
        if (last !== undefined) from = BigInt(last.position) + 1n;
        return rows;
      };
    },
  });
