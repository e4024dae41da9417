import type { Round } from "../harness/bench.ts";
import { settle } from "../harness/raw-database.ts";
import { createTally, type Tally } from "../harness/tally.ts";
import { type Timing, timed } from "../harness/timed.ts";
import { within } from "../harness/within.ts";

export type Drain = {
  /** Puts this many samples into the backlog, a multiple of a thousand; not on the clock. */
  readonly load: (messages: number) => Promise<unknown>;
  /** Begins to hand them over, each with the id of its sample, until disposed. */
  readonly start: (take: (id: string) => void) => Promise<AsyncDisposable>;
};

export async function measureDrain(databaseUrl: string, messages: number, drain: Drain): Promise<Round> {
  await drain.load(messages);
  await settle(databaseUrl);
  const { seconds, cpuSeconds, tally } = await drainAll(messages, drain);
  return { figures: { throughput: messages / seconds, processor: (1e6 * cpuSeconds) / messages }, tallies: [tally] };
}

/** The clock runs from the start until the last message has arrived; what is closed is closed after it. */
export async function drainAll(messages: number, { start }: Drain): Promise<Timing & { readonly tally: Tally }> {
  const tally = createTally(messages);
  await using opened = new AsyncDisposableStack();
  const timing = await timed(async () => {
    opened.use(await start(tally.take));
    await within(120_000, tally.complete);
  });
  await opened.disposeAsync();
  return { ...timing, tally };
}
