import type { Transaction } from "@throughline/log";
import { enqueue } from "@throughline/outbox";
import type { Database } from "@throughline/service";
import type { Round } from "../harness/bench.ts";
import { settle } from "../harness/raw-database.ts";
import { sampleOf } from "../harness/sample.ts";
import { createTally } from "../harness/tally.ts";
import { timed } from "../harness/timed.ts";

const messages = 4_000;
const mostConnections = 64;

export const connections = mostConnections + 4;

/** So many writers, each telling of one thing after the other, and then four times as many. */
export async function measureWriters(
  databaseUrl: string,
  database: Database,
  beforeCommit: (tx: Transaction) => Promise<unknown> = async () => undefined,
): Promise<Round> {
  await settle(databaseUrl);
  let number = 0;
  const write = (end: number) => async () => {
    while (number < end) {
      const sample = sampleOf(number++);
      await database.handle.transaction((tx) =>
        Promise.all([enqueue(tx, "order-service", [sample]), beforeCommit(tx)]),
      );
    }
  };
  const rateOf = async (writers: number, end: number) => {
    const { seconds } = await timed(async () => {
      await Promise.all(Array.from({ length: writers }, write(end)));
    });
    return messages / seconds;
  };
  const figures = {
    "at 16 connections": await rateOf(mostConnections / 4, messages),
    "at 64 connections": await rateOf(mostConnections, 2 * messages),
  };
  const tally = createTally(2 * messages);
  const { rows } = await database.pool.query<{ id: string }>("select id from outbox");
  for (const { id } of rows) tally.take(id);
  return { figures, tallies: [tally] };
}
