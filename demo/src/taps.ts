import { workTypes } from "@throughline/contracts";
import type { Envelope } from "@throughline/envelope";
import { openRoad, type Road, type RoadSettings, type Subscriber, type Transport } from "@throughline/transport";
import type { Roads } from "./surroundings.ts";
import { cleanerOf } from "./taps/cleaner.ts";

/** What was really published: one envelope as it came out of one broker. */
export type Sighting = Pick<Envelope, "id" | "type" | "key" | "source" | "sequence"> & { readonly road: Road };

/** Groups of our own on every broker in use. Disposing them removes every queue, subscription and group they had. */
export type Taps = AsyncDisposable & {
  /** Begins to take what was published since the taps were opened, and goes on; once is enough. */
  listen(): Promise<void>;
  /** In the order in which they were seen, broker by broker; repeats included. */
  readonly sightings: readonly Sighting[];
  readonly transports: readonly Transport[];
};

/**
 * Has every road keep for us what leaves by it from now on; it is taken later, so that the taps cost the flow as little
 * as may be. Work gets a queue of its own beside the worker's, so that the tap takes nothing away from it.
 */
export async function openTaps(brokers: RoadSettings, roads: Roads, runId: string): Promise<Taps> {
  const sightings: Sighting[] = [];
  const parts: { readonly road: Road; readonly transport: Transport; readonly groups: readonly TapGroup[] }[] = [];
  await using opening = new AsyncDisposableStack();
  for (const [road, types] of typesByRoad(roads)) {
    const part = { road, transport: await openRoad(road, brokers), groups: groupsOf(runId, types) };
    const cleaner = cleanerOf(road, brokers, part.groups);
    await cleaner.skipHistory();
    opening.defer(() => cleaner.remove());
    // Its queues are there once it has listened. Kafka keeps everything for everybody.
    if (road !== "kafka") await (await listenOn(part))[Symbol.asyncDispose]();
    parts.push(part);
  }
  const opened = opening.move();
  return {
    async listen() {
      for (const part of parts) opened.use(await listenOn(part));
    },
    sightings,
    transports: parts.map(({ transport }) => transport),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };

  async function listenOn({ road, transport, groups }: (typeof parts)[number]): Promise<Subscriber> {
    const subscriber = await transport.connectSubscriber();
    for (const { group, types } of groups) {
      await subscriber.subscribe({
        group,
        types,
        concurrency: 100,
        handler: async ({ id, type, key, source, sequence }) => {
          sightings.push({ id, type, key, source, sequence, road });
        },
      });
    }
    return subscriber;
  }
}

export type TapGroup = { readonly group: string; readonly types: readonly string[] };

function groupsOf(runId: string, types: readonly string[]): TapGroup[] {
  const isWork = (type: string) => workTypes.includes(type);
  return [
    { group: `tap-${runId}`, types: types.filter((type) => !isWork(type)) },
    { group: `tap-${runId}.work`, types: types.filter(isWork) },
  ].filter((group) => group.types.length > 0);
}

function typesByRoad(roads: Roads): Map<Road, string[]> {
  const byRoad = Map.groupBy(roads, ({ road }) => road);
  return new Map(Array.from(byRoad, ([road, parts]) => [road, parts.flatMap(({ types }) => types)]));
}
