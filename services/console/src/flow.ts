import { placesOf } from "./places.ts";
import type { ServiceView, Snapshot } from "./snapshot.ts";
import type { Status } from "./status.ts";
import { publishedTo, type Trouble, troublesOf, wayId } from "./troubles.ts";

/** How it stands with a place or a road. */
export type Mood = "good" | "wait" | "bad";

/** A place of the picture: who tells, a broker, or who listens. */
export type Place = {
  readonly id: string;
  readonly name: string;
  readonly column: "tells" | "carries" | "listens";
  readonly mood: Mood;
  readonly perSecond: number;
  /** What stands below its name: `3 wait`. */
  readonly lines: readonly { readonly text: string; readonly mood?: Mood }[];
  /** Where a click leads. */
  readonly href: string;
};

/** A way between two places; messages per second are those of both ends together where a group has several roads. */
export type Way = { readonly from: string; readonly to: string; readonly perSecond: number; readonly mood: Mood };

export type Flow = { readonly places: readonly Place[]; readonly ways: readonly Way[]; readonly troubles: Trouble[] };

/** A service as it was seen last, and whether it answers now. */
export type Seen = { readonly service: ServiceView; readonly status: Status };

/** Rates are those of this period, in milliseconds: one second alone makes a restless picture. */
const periodMs = 5_000;

/** Draws each snapshot with what is known from those before it: rates, and the roads of a service that is down. */
export function createFlow(): (snapshot: Snapshot) => Flow {
  const known = new Map<string, Status>();
  let past: Snapshot[] = [];
  return (snapshot) => {
    for (const { name, status } of snapshot.services) if (status) known.set(name, status);
    past = [...past.filter(({ at }) => snapshot.at - at <= periodMs), snapshot];
    const seen = snapshot.services.map((service) => ({ service, status: known.get(service.name) ?? nothing }));
    return toFlow(seen, createRates(past));
  };
}

const nothing: Status = { pid: 0, uptimeSeconds: 0, rssBytes: 0, relay: [], consumers: [], deadLetters: [] };

export type Rates = {
  /** Messages per second of a counter over the period; 0 where it began anew. */
  of(service: string, counter: (status: Status) => number | undefined): number;
};

function createRates(past: readonly Snapshot[]): Rates {
  const [first, last] = [past[0], past.at(-1)];
  const statusOf = (snapshot: Snapshot | undefined, name: string) =>
    snapshot?.services.find((service) => service.name === name)?.status;
  return {
    of(service, counter) {
      const [before, now] = [statusOf(first, service), statusOf(last, service)];
      const grown = ((now && counter(now)) ?? 0) - ((before && counter(before)) ?? 0);
      if (!before || !now || before.pid !== now.pid || grown < 0 || first === last) return 0;
      return Math.round((grown / ((last?.at ?? 0) - (first?.at ?? 0))) * 10_000) / 10;
    },
  };
}

function toFlow(seen: readonly Seen[], rates: Rates): Flow {
  const troubles = troublesOf(seen, rates);
  const down = new Set(troubles.flatMap((trouble) => trouble.down));
  const isDown = (id: string) => down.has(id);
  const ways = seen
    .flatMap((each) => [...waysOut(each, rates), ...waysIn(each, rates)])
    .map(({ isBehind, ...way }) => {
      const isBroken = [way.from, way.to, wayId(way.from, way.to)].some(isDown);
      return { ...way, mood: isBroken ? "bad" : isBehind ? "wait" : "good" } as const;
    });
  return { places: placesOf(seen, ways, isDown), ways, troubles };
}

type Traffic = Omit<Way, "mood"> & { readonly isBehind: boolean };

/** What waits longer than this, in milliseconds, or is more than a group does in it, is behind. */
const usualMs = 2_000;

function waysOut({ service: { name }, status }: Seen, rates: Rates): Traffic[] {
  return status.relay.map(({ destination, oldestMs }) => {
    const perSecond = rates.of(name, publishedTo(destination));
    return { from: `tells ${name}`, to: `carries ${destination}`, perSecond, isBehind: oldestMs > usualMs };
  });
}

function waysIn({ service: { name }, status }: Seen, rates: Rates): Traffic[] {
  return status.consumers.flatMap(({ group, roads }) =>
    roads.map(({ road, waiting }) => {
      const perSecond = rates.of(name, ({ consumers }) => consumers.find((each) => each.group === group)?.handled);
      const isBehind = waiting > 10 + (perSecond * usualMs) / 1_000;
      return { from: `carries ${road}`, to: `listens ${group}`, perSecond, isBehind };
    }),
  );
}
