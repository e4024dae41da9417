import type { Rates, Seen } from "./flow.ts";
import { groupPlace, lettersPlace, outboxPlace } from "./links.ts";
import type { Status } from "./status.ts";
import { brokerName, duration, many, parkedWords } from "./words.ts";

/** What is wrong somewhere, in a sentence. */
export type Trouble = {
  readonly text: string;
  /** Where more is to be seen. */
  readonly href: string;
  /** The places and ways that are down by it. */
  readonly down: readonly string[];
};

/** How long a message may wait, in milliseconds, before somebody should know. */
const patienceMs = 10_000;

/** The gravest first: services, brokers, what does not leave, what failed. */
export function troublesOf(seen: readonly Seen[], rates: Rates): Trouble[] {
  const brokers = ofBrokers(seen);
  const told = new Set(brokers.flatMap(({ down }) => down));
  return [
    ...seen.flatMap(ofService),
    ...brokers,
    ...seen.flatMap((each) => ofOutbox(each, rates, told)),
    ...seen.flatMap((each) => ofGroups(each, rates)),
  ];
}

function ofService({ service: { name, isReady, reason = "is not ready" }, status }: Seen): Trouble[] {
  if (isReady) return [];
  const groups = status.consumers.map(({ group }) => `listens ${group}`);
  return [{ text: `${name}: ${reason}`, href: "/#services", down: [`tells ${name}`, ...groups] }];
}

/** A broker is down where it answers nobody; where it answers some, those others are named. */
function ofBrokers(seen: readonly Seen[]): Trouble[] {
  const asked = seen
    .filter(({ service }) => service.status !== undefined)
    .flatMap(({ status }) => status.consumers.flatMap(({ group, roads }) => roads.map((road) => ({ group, ...road }))));
  return [...Map.groupBy(asked, ({ road }) => road)].flatMap(([road, all]) => {
    const silent = all.filter(({ reason }) => reason !== undefined);
    const [first] = silent;
    if (first === undefined) return [];
    const groups = silent.map(({ group }) => group).join(", ");
    const down = silent.map(({ group }) => wayId(`carries ${road}`, `listens ${group}`));
    const text = `${brokerName(road)} does not answer ${groups}: ${first.reason}`;
    return [{ text, href: "/#in", down: silent.length === all.length ? [`carries ${road}`] : down }];
  });
}

function ofOutbox({ service: { name }, status }: Seen, rates: Rates, told: ReadonlySet<string>): Trouble[] {
  return status.relay.flatMap(({ destination, waiting, oldestMs, parked, parkedKeys, dead, ...causes }) => {
    const broker = brokerName(destination);
    const isStuck = waiting > 0 && oldestMs > patienceMs && rates.of(name, publishedTo(destination)) === 0;
    const cause = told.has(`carries ${destination}`) ? "" : causeOf(causes);
    const way = wayId(`tells ${name}`, `carries ${destination}`);
    const [road, href] = [`${name} → ${broker}`, outboxPlace(name)];
    return [
      ...(isStuck
        ? [
            {
              text: `${name} cannot publish to ${broker}: ${many(waiting, "message")} wait, the oldest for ${duration(oldestMs)}${cause}`,
              href,
              down: [way],
            },
          ]
        : []),
      ...(parked > 0
        ? [{ text: `${road}: ${parkedWords(parked, parkedKeys)} whose message was refused`, href, down: [] }]
        : []),
      ...(dead > 0
        ? [{ text: `${road}: ${many(dead, "message")} refused for good`, href: lettersPlace(name), down: [] }]
        : []),
    ];
  });
}

function causeOf({ failure, heldBackBy }: Pick<Status["relay"][number], "failure" | "heldBackBy">): string {
  if (failure !== undefined) return `: ${failure}`;
  if (heldBackBy === undefined) return "";
  const { ageMs, state, pid } = heldBackBy;
  return `, behind a transaction that is open for ${duration(ageMs)} (${state}, pid ${pid ?? "–"})`;
}

function ofGroups({ service: { name }, status }: Seen, rates: Rates): Trouble[] {
  return status.consumers.flatMap(({ group, roads, parked, parkedKeys }) => {
    const letters = roads.reduce((sum, { deadLetters }) => sum + deadLetters, 0);
    const failed = rates.of(name, ({ consumers }) => consumers.find((each) => each.group === group)?.failed);
    const texts = [
      ...(letters > 0 ? [{ text: `${group}: ${many(letters, "dead letter")}`, href: lettersPlace(group) }] : []),
      ...(parked > 0
        ? [{ text: `${group}: ${parkedWords(parked, parkedKeys)} whose message is dead`, href: lettersPlace(group) }]
        : []),
      ...(failed > 0
        ? [{ text: `${group}: ${failed} attempts fail per second, and are made again`, href: groupPlace(group) }]
        : []),
    ];
    return texts.map((trouble) => ({ ...trouble, down: [] }));
  });
}

/** What a relay has published to a destination. */
export function publishedTo(destination: string): (status: Status) => number | undefined {
  return ({ relay }) => relay.find((to) => to.destination === destination)?.publishedTotal;
}

export function wayId(from: string, to: string): string {
  return `${from} → ${to}`;
}
