import { type RecordedEvent, readEvents } from "@throughline/event-store";
import type { Database } from "@throughline/service";
import type { Measure } from "../harness/bench.ts";
import { settle } from "../harness/raw-database.ts";
import { openServiceDatabase } from "../harness/service-database.ts";
import { createTally, idOf } from "../harness/tally.ts";
import { timed } from "../harness/timed.ts";

const events = 500_000;
const batchSize = 1_000;

/** Writes what a batch of events tells, in a transaction of its own. */
export type Project = (batch: readonly RecordedEvent[]) => Promise<void>;

/** Reads all events in batches, the next while one is written. */
export function measureProjection(open: (handle: Database["handle"]) => Promise<Project>): Measure {
  return async ({ databaseUrl }) => {
    await using database = await openServiceDatabase(databaseUrl);
    const { handle, pool } = database;
    await pool.query("create table totals (event_id uuid primary key, stream_id text, number integer)");
    await pool.query(fill, [events]);
    await settle(databaseUrl);
    const tally = createTally(events);
    const { seconds, cpuSeconds } = await timed(async () => {
      const project = await open(handle);
      let batch = await readEvents(handle, { after: 0, limit: batchSize });
      for (let last = batch.at(-1); last !== undefined; last = batch.at(-1)) {
        const [next] = await Promise.all([
          readEvents(handle, { after: last.position, limit: batchSize }),
          project(batch),
        ]);
        for (const { data } of batch) tally.take(idOf((data as { readonly number: number }).number));
        batch = next;
      }
    });
    return { figures: { throughput: events / seconds, processor: (1e6 * cpuSeconds) / events }, tallies: [tally] };
  };
}

const fill = `insert into events (stream_id, version, event_id, type, schema_version, data, metadata)
  select 'order-' || nth / 10, 1 + nth % 10, gen_random_uuid(), 'order-placed', 1,
    json_build_object('number', nth, 'note', repeat('x', 200)), '{}'
  from generate_series(0, $1::integer - 1) as nth`;
