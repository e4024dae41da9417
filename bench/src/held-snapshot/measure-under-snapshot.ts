import { type Drain, drainAll } from "../drain/measure-drain.ts";
import type { Round } from "../harness/bench.ts";
import { openPool, settle } from "../harness/raw-database.ts";

const messages = 200_000;
const tenth = messages / 10;

/** Another session begins to read before the drain does, and has not ended when it is over. */
export async function measureUnderSnapshot(databaseUrl: string, drain: Drain): Promise<Round> {
  await drain.load(messages);
  await settle(databaseUrl);
  await using pool = openPool(databaseUrl, 1);
  const client = await pool.connect();
  await client.query("begin isolation level repeatable read");
  await client.query("select count(*) from pg_class");

  const marks: number[] = [];
  let arrived = 0;
  const marked: Drain = {
    ...drain,
    start: (take) =>
      drain.start((id) => {
        if (arrived % tenth === 0) marks.push(performance.now());
        arrived += 1;
        if (arrived === messages) marks.push(performance.now());
        take(id);
      }),
  };
  const { seconds, tally } = await drainAll(messages, marked);
  await client.query("commit");
  client.release();
  const rateOf = (index: number) => (1_000 * tenth) / ((marks.at(index + 1) ?? 0) - (marks.at(index) ?? 0));
  const figures = { throughput: messages / seconds, "first tenth": rateOf(0), "last tenth": rateOf(9) };
  return { figures, tallies: [tally] };
}
