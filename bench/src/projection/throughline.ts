/** One insert and one cursor move for a batch, both or neither. */
import { eventLog } from "@throughline/event-store";
import { claimCursor, moveCursor, openCursors, query } from "@throughline/log";
import { measureProjection } from "./measure-projection.ts";

const insert = `insert into totals (event_id, stream_id, number)
  select * from unnest($1::uuid[], $2::text[], $3::integer[])`;

export const measure = measureProjection(async (handle) => {
  await openCursors(handle, eventLog, "totals", { lanes: 1 });
  let cursor = await claimCursor(handle, eventLog, { reader: "totals", owner: "bench" });
  return (batch) =>
    handle.transaction(async (tx) => {
      const numbers = batch.map(({ data }) => (data as { readonly number: number }).number);
      await query(tx, "project", insert, [batch.map(({ id }) => id), batch.map(({ streamId }) => streamId), numbers]);
      const moved = cursor && (await moveCursor(tx, cursor, batch.at(-1)?.position ?? 0));
      if (moved === undefined) throw new Error("Somebody else reads for these totals");
      cursor = moved;
    });
});
