/** The relay as a service starts it, with one lane and every default, into a transport that does nothing. */
import { runCausedBy } from "@throughline/envelope";
import { query } from "@throughline/log";
import { enqueue, startRelay } from "@throughline/outbox";
import type { Measure, Round } from "../harness/bench.ts";
import { portionsOf } from "../harness/sample.ts";
import { openServiceDatabase } from "../harness/service-database.ts";
import { sinkTransport } from "../harness/sink-transport.ts";
import { type Drain, measureDrain } from "./measure-drain.ts";

export const measure: Measure = ({ databaseUrl }) =>
  withDrain(databaseUrl, (drain) => measureDrain(databaseUrl, 100_000, drain));

export async function withDrain(databaseUrl: string, work: (drain: Drain) => Promise<Round>): Promise<Round> {
  await using database = await openServiceDatabase(databaseUrl);
  const { handle } = database;
  return await work({
    async load(messages) {
      const [first = []] = portionsOf(messages);
      await runCausedBy(request, () => handle.transaction((tx) => enqueue(tx, "order-service", first)));
      await query(handle, "multiply", multiply, [first.length, messages / first.length - 1]);
    },
    start: (take) => startRelay(handle, { to: [{ transport: sinkTransport(take) }] }),
  });
}

/** What caused them all, with the trace that each carries along. */
const request = { correlationId: "bench", traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };

// A million calls of `enqueue` are not what is measured: what one call wrote is written again, under other ids.
const multiply = `
  insert into outbox (key, type, id, version, "timestamp", source, sequence, correlation_id, traceparent,
    wire)
  select key, type, left(id, 24) || lpad(to_hex(nth + copy * $1), 12, '0'), version, "timestamp", source,
    sequence + copy, correlation_id, traceparent, wire
  from generate_series(1, $2::integer) as copy cross join (
    select *, row_number() over (order by position) - 1 as nth
    from (select * from outbox order by position desc limit $1) as last
  ) as written
  order by copy, nth`;
