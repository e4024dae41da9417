import type { Round } from "../harness/bench.ts";
import { settle } from "../harness/raw-database.ts";
import { createTally } from "../harness/tally.ts";
import { timed } from "../harness/timed.ts";
import { within } from "../harness/within.ts";

export type Drain = {
  /** Puts this many samples into the backlog; not on the clock. */
  readonly load: (messages: number) => Promise<void>;
  /** Begins to hand them over, each with the id of its sample, until disposed. */
  readonly start: (take: (id: string) => void) => Promise<AsyncDisposable>;
};

/** The clock runs from the start until the last message has arrived; what is closed is closed after it. */
export async function measureDrain(databaseUrl: string, messages: number, { load, start }: Drain): Promise<Round> {
  await load(messages);
  await settle(databaseUrl);
  const tally = createTally(messages);
  await using opened = new AsyncDisposableStack();
  const { seconds, cpuSeconds } = await timed(async () => {
    opened.use(await start(tally.take));
    await within(60_000, tally.complete);
  });
  await opened.disposeAsync();
  return { figures: { throughput: messages / seconds, processor: (1e6 * cpuSeconds) / messages }, tallies: [tally] };
}
