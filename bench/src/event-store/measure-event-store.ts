import type { Round } from "../harness/bench.ts";
import { settle } from "../harness/raw-database.ts";
import { createTally, idOf } from "../harness/tally.ts";
import { timed } from "../harness/timed.ts";

export type EventStore = {
  /** Adds the event with this number as the first of a stream of its own. */
  readonly append: (streamId: string, number: number) => Promise<unknown>;
  /** Adds a hundred events to a stream, off the clock. */
  readonly fill: (streamId: string, numbers: readonly number[]) => Promise<unknown>;
  /** Folds a stream, and says how many events it has. */
  readonly load: (streamId: string) => Promise<number>;
  /** Loads a stream, decides on one event more, and appends it; absent where nothing decides. */
  readonly command?: (streamId: string, number: number) => Promise<unknown>;
  /** The numbers of all events that are there afterwards. */
  readonly readNumbers: () => Promise<readonly number[]>;
};

const [alone, together, loads, streams] = [500, 2_500, 300, 250];
const [historicStreams, length] = [100, 100];

export async function measureEventStore(databaseUrl: string, store: EventStore): Promise<Round> {
  let next = 0;
  const rateOf = async (count: number, writers: number, work: (number: number) => Promise<unknown>) => {
    const end = next + count;
    const { seconds } = await timed(async () => {
      const write = async () => {
        while (next < end) await work(next++);
      };
      await Promise.all(Array.from({ length: writers }, write));
    });
    return count / seconds;
  };
  const append = (number: number) => store.append(`appended-${number}`, number);
  const { command } = store;
  // Of neighbours, none is about the same stream: nobody conflicts with anybody.
  const commandOn = (number: number) => command?.(`commanded-${number % streams}`, number);

  // What a plan is worth shows in a store that has some history: on an empty one, reading all of it is the best plan.
  for (let stream = 0; stream < historicStreams; stream++, next += length) {
    const numbers = Array.from({ length }, (_, index) => next + index);
    await store.fill(`history-${stream}`, numbers);
  }
  await settle(databaseUrl);
  const figures = {
    append: await rateOf(alone, 1, append),
    "append, 16 at once": await rateOf(together, 16, append),
    load: await loadRate(store),
    ...(command && {
      command: await rateOf(alone, 1, async (number) => commandOn(number)),
      "command, 16 at once": await rateOf(together, 16, async (number) => commandOn(number)),
    }),
  };
  const tally = createTally(next);
  for (const number of await store.readNumbers()) tally.take(idOf(number));
  return { figures, tallies: [tally] };
}

async function loadRate({ load }: EventStore): Promise<number> {
  const { seconds } = await timed(async () => {
    for (let count = 0; count < loads; count++) {
      const found = await load("history-0");
      if (found !== length) throw new Error(`Of ${length} events, ${found} were loaded`);
    }
  });
  return loads / seconds;
}
