import type { Round } from "./bench.ts";
import { createTally } from "./tally.ts";
import { timed } from "./timed.ts";

export type Publish = {
  /** Publishes the samples, all of which are prepared; resolves once the broker has confirmed each. */
  readonly publish: () => Promise<void>;
  /** The ids of all that the broker has. */
  readonly readIds: () => Promise<readonly string[]>;
};

export const publishFigures = [
  { name: "throughput", unit: "messages/s" },
  { name: "processor", unit: "µs/message" },
] as const;

export async function measurePublish(messages: number, { publish, readIds }: Publish): Promise<Round> {
  const { seconds, cpuSeconds } = await timed(publish);
  const tally = createTally(messages);
  for (const id of await readIds()) tally.take(id);
  return { figures: { throughput: messages / seconds, processor: (1e6 * cpuSeconds) / messages }, tallies: [tally] };
}
