import { setTimeout as pause } from "node:timers/promises";
import type { Message } from "@throughline/envelope";
import type { Round } from "../harness/bench.ts";
import { sampleOf } from "../harness/sample.ts";
import { quantile } from "../harness/statistics.ts";
import { createTally } from "../harness/tally.ts";
import { within } from "../harness/within.ts";

export type Latency = {
  /** Tells of one sample, and resolves when that has committed. */
  readonly write: (sample: Required<Message>) => Promise<unknown>;
  /** Hands over what was committed, until disposed. */
  readonly start: (take: (id: string) => void) => Promise<AsyncDisposable>;
};

const messages = 300;
const apartMs = 20;

export async function measureLatency({ write, start }: Latency): Promise<Round> {
  const tally = createTally(messages);
  const arrivedAt = new Map<string, number>();
  const committedAt = new Map<string, number>();
  await using opened = new AsyncDisposableStack();
  opened.use(
    await start((id) => {
      arrivedAt.set(id, performance.now());
      tally.take(id);
    }),
  );
  for (let number = 0; number < messages; number++) {
    const sample = sampleOf(number);
    const startedAt = performance.now();
    await write(sample);
    committedAt.set(sample.id, performance.now());
    await pause(Math.max(0, apartMs - (performance.now() - startedAt)));
  }
  await within(30_000, tally.complete);
  await opened.disposeAsync();
  // What arrives before its writer has been told of the commit took no time.
  const waits = [...arrivedAt].map(([id, at]) => Math.max(0, at - (committedAt.get(id) ?? at)));
  const sorted = waits.sort((a, b) => a - b);
  return { figures: { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) }, tallies: [tally] };
}
