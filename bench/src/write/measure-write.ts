import type { Message } from "@throughline/envelope";
import type { Round } from "../harness/bench.ts";
import { settle } from "../harness/raw-database.ts";
import { sampleOf } from "../harness/sample.ts";
import { createTally } from "../harness/tally.ts";
import { timed } from "../harness/timed.ts";

export type Write = {
  /** One transaction: a row in `orders`, and what tells of it. */
  readonly write: (sample: Required<Message>) => Promise<unknown>;
  /** The ids that are there afterwards. */
  readonly readIds: () => Promise<readonly string[]>;
};

export const createOrders = "create table orders (id text primary key, customer_id text not null, data jsonb not null)";
export const insertOrder = "insert into orders (id, customer_id, data) values ($1, $2, $3)";

export function orderOf({ id, key, data }: Required<Message>): string[] {
  return [id, key, JSON.stringify(data)];
}

const alone = 600;
const together = 3_000;

/** First one writer, then sixteen, each beginning when it has committed. */
export async function measureWrite(databaseUrl: string, { write, readIds }: Write): Promise<Round> {
  await settle(databaseUrl);
  let number = 0;
  const writeUpTo = async (end: number) => {
    while (number < end) await write(sampleOf(number++));
  };
  const one = await timed(() => writeUpTo(alone));
  const sixteen = await timed(async () => {
    await Promise.all(Array.from({ length: 16 }, () => writeUpTo(alone + together)));
  });
  const tally = createTally(alone + together);
  for (const id of await readIds()) tally.take(id);
  return {
    figures: { "at 1 connection": alone / one.seconds, "at 16 connections": together / sixteen.seconds },
    tallies: [tally],
  };
}
