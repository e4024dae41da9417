import { type Topology, topology } from "@throughline/contracts/topology";
import { type Address, openSnapshots, type Snapshot } from "./databases.ts";
import { type Finding, type Kind, kinds } from "./finding.ts";
import { readCorrected, readParked, streamCaused, streamHandled } from "./handled.ts";
import { type Context, judge, type Traces } from "./judge.ts";
import { readLetters } from "./letters.ts";
import type { Period } from "./period.ts";
import { readSequences } from "./sequences.ts";
import { merge } from "./stream.ts";
import { readStanding, streamTold } from "./told.ts";

/** What was found of one kind. */
export type Found = {
  readonly kind: Kind;
  /** Messages, or for a group each of its own. */
  readonly count: number;
  /** The first 1,000. */
  readonly findings: readonly Finding[];
};

export type Report = {
  readonly period: Period;
  /** Messages that were committed in the period, and what they owe: one delivery to each group that they are bound to. */
  readonly messages: number;
  readonly deliveries: number;
  /** In the order of `kinds`; those of which there is none are left out. */
  readonly found: readonly Found[];
  /** Why the period could be compared in part only. */
  readonly incomplete: readonly string[];
};

const kept = 1_000;
/** How long an inbox remembers, less the day by which clocks differ. */
const rememberedMs = 29 * 24 * 60 * 60 * 1_000;

/**
 * Compares what was committed to be told with what was handled and what came of it, in one pass over each database, in
 * order of message ids: however many there are, only some of them are in memory.
 */
export async function audit(addresses: readonly Address[], period: Period, flow: Topology = topology): Promise<Report> {
  // Effects are looked at before their causes, so that what happens in between is under way, and no ghost.
  await using after = await openSnapshots(addresses);
  await using before = await openSnapshots(addresses);
  const context = await readContext(before, after, period, flow);
  const collected = collect();
  for (const { client, service } of before) {
    const keptFrom = context.standings.get(service)?.keptFrom;
    for (const finding of await readSequences({ client, service }, period, keptFrom)) collected.add(finding);
  }
  let messages = 0;
  let deliveries = 0;
  let traces: Traces = { told: [], handled: [], caused: [] };
  const streams = [];
  for (const snapshot of after) {
    streams.push(
      ...(await streamHandled(snapshot, groupsOf(snapshot, flow), period, (row) => void traces.handled.push(row))),
    );
    streams.push(...(await streamCaused(snapshot, period, (row) => void traces.caused.push(row))));
  }
  for (const snapshot of before)
    streams.push(...(await streamTold(snapshot, period, (row) => void traces.told.push(row))));
  await merge(streams, (id) => {
    const [told] = traces.told;
    if (told !== undefined && told.timestamp >= period.from.toISOString() && told.timestamp < period.to.toISOString()) {
      messages += 1;
      deliveries += flow.groups.filter(({ types }) => types.includes(told.type)).length;
    }
    for (const finding of judge(id, traces, context)) collected.add(finding);
    traces = { told: [], handled: [], caused: [] };
  });
  return { period, messages, deliveries, found: collected.found(), incomplete: incompleteness(context) };
}

function groupsOf({ service }: Snapshot, { groups }: Topology): string[] {
  return groups.filter((each) => each.service === service).map(({ group }) => group);
}

async function readContext(
  before: readonly Snapshot[],
  after: readonly Snapshot[],
  period: Period,
  flow: Topology,
): Promise<Context> {
  const standings = new Map<string, NonNullable<Awaited<ReturnType<typeof readStanding>>>>();
  for (const snapshot of before) {
    const standing = await readStanding(snapshot);
    if (standing !== undefined) standings.set(snapshot.service, standing);
  }
  const letters = (await Promise.all(before.map(readLetters))).flat();
  const replacements = letters.flatMap(({ replacedBy }) => replacedBy ?? []);
  const corrected = await Promise.all(after.map((each) => readCorrected(each, groupsOf(each, flow), replacements)));
  const keptFrom = [...standings.values()].map((standing) => standing.keptFrom?.getTime() ?? 0);
  return {
    ...{ period, groups: flow.groups, standings },
    letters: new Map(letters.map((letter) => [`${letter.who} ${letter.id}`, letter])),
    replacements: new Set(replacements),
    corrected: new Set(corrected.flat()),
    parked: new Set((await Promise.all(after.map(readParked))).flatMap((names) => [...names])),
    comparableFrom: new Date(Math.max(0, ...keptFrom)),
    now: new Date(),
  };
}

function collect() {
  const found = new Map<Kind, { count: number; findings: Finding[] }>();
  return {
    add(finding: Finding): void {
      const own = found.get(finding.kind) ?? { count: 0, findings: [] };
      found.set(finding.kind, own);
      own.count += finding.times ?? 1;
      if (own.findings.length < kept) own.findings.push(finding);
    },
    found(): Found[] {
      return (Object.keys(kinds) as Kind[]).flatMap((kind) => {
        const own = found.get(kind);
        return own === undefined ? [] : [{ kind, ...own }];
      });
    },
  };
}

function incompleteness({ period, standings, now }: Context): string[] {
  const emptied = [...standings].flatMap(([service, { keptFrom }]) =>
    keptFrom !== undefined && keptFrom > period.from
      ? [`The outbox of ${service} is kept from ${keptFrom.toISOString()} on: what it told before is not compared.`]
      : [],
  );
  const forgotten = period.from.getTime() < now.getTime() - rememberedMs;
  return forgotten ? [...emptied, "Inboxes remember 30 days: what was handled before may be called missing."] : emptied;
}
