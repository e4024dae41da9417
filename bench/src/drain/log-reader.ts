/** Our log as it is, read by a loop that moves a cursor: what the relay is built on, without the relay. */
import { claimCursor, moveCursor, openCursors, readLimit, readLog } from "@throughline/log";
import { enqueue, outboxLog } from "@throughline/outbox";
import type { Database } from "@throughline/service";
import type { Measure } from "../harness/bench.ts";
import { portionsOf } from "../harness/sample.ts";
import { openServiceDatabase } from "../harness/service-database.ts";
import { measureDrain } from "./measure-drain.ts";

export const measure: Measure = async ({ databaseUrl }) => {
  await using database = await openServiceDatabase(databaseUrl);
  return await measureDrain(databaseUrl, 100_000, {
    async load(messages) {
      for (const portion of portionsOf(messages)) {
        await database.handle.transaction((tx) => enqueue(tx, "order-service", portion));
      }
    },
    async start(take) {
      const reading = read(database.handle, take);
      return { [Symbol.asyncDispose]: () => reading };
    },
  });
};

async function read(handle: Database["handle"], take: (id: string) => void): Promise<void> {
  const end = await readLimit(handle, outboxLog);
  await openCursors(handle, outboxLog, "bench", { lanes: 1 });
  let cursor = await claimCursor(handle, outboxLog, { reader: "bench", owner: "bench" });
  while (cursor !== undefined && cursor.position < end) {
    const query = { name: "bench_read", columns: "id, key, wire" };
    const { rows, upTo } = await readLog<{ id: string }>(handle, outboxLog, query, {
      after: cursor.position,
      limit: 1_000,
      end,
    });
    for (const { id } of rows) take(id);
    cursor = await moveCursor(handle, cursor, upTo);
  }
}
