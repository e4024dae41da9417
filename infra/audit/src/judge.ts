import type { Group } from "@throughline/contracts/topology";
import type { Finding } from "./finding.ts";
import type { Caused, Handled } from "./handled.ts";
import type { Letter } from "./letters.ts";
import { isIn, momentIn, type Period } from "./period.ts";
import type { Standing, Told } from "./told.ts";

/** All that the databases have of one message. */
export type Traces = { readonly told: Told[]; readonly handled: Handled[]; readonly caused: Caused[] };

/** What is beside the messages. */
export type Context = {
  readonly period: Period;
  readonly groups: readonly Group[];
  /** By service. */
  readonly standings: ReadonlyMap<string, Standing>;
  /** By group and id; of relays by `outbox`, destination and id. */
  readonly letters: ReadonlyMap<string, Letter>;
  /** Ids that went out in the place of others, and are in no outbox. */
  readonly replacements: ReadonlySet<string>;
  /** Group and id of what waits in an inbox. */
  readonly parked: ReadonlySet<string>;
  /** Before it, some outbox has been emptied, and nobody can tell who committed what. */
  readonly comparableFrom: Date;
  /** When the databases were looked at. */
  readonly now: Date;
};

const hopes = ["waiting", "dead", "settled"];
type Reason = Pick<Finding, "kind"> & { readonly why: string };

/** So long, a message may well be under way. */
const graceMs = 60_000;

/** What is wrong with one message. */
export function judge(id: string, traces: Traces, context: Context): Finding[] {
  const [first] = traces.told;
  if (first === undefined) return untold(id, traces, context);
  if (!isIn(context.period, new Date(first.timestamp))) return [];
  return [
    ...twiceTold(first, traces),
    ...context.groups
      .filter(({ types, group }) => types.includes(first.type) && !traces.handled.some((each) => each.group === group))
      .flatMap((group) => unhandled(first, group, context)),
    ...doubled(id, traces),
    ...unremembered(id, traces, context),
  ];
}

/** Handled, or the cause of something, and in no outbox. */
function untold(id: string, traces: Traces, context: Context): Finding[] {
  const [trace] = [...traces.handled, ...traces.caused];
  const moment = momentIn(id) ?? new Date(`${trace?.day}T12:00:00Z`);
  const isKnown = context.replacements.has(id) || !isIn(context.period, moment) || moment < context.comparableFrom;
  const ghosts: Finding[] = isKnown
    ? []
    : [
        ...traces.handled.map(({ group }) => ({ kind: "ghost" as const, id, fault: `${group} has handled it` })),
        ...traces.caused.map(({ service, stream, type }) => ({
          kind: "ghost-cause" as const,
          id,
          fault: `it made ${service} add ${type} to ${stream}`,
        })),
      ];
  return isIn(context.period, moment) ? [...ghosts, ...doubled(id, traces)] : [];
}

function twiceTold({ id, type, service }: Told, { told }: Traces): Finding[] {
  if (told.length === 1) return [];
  const positions = told.map((each) => `${each.service} ${each.position}`).join(", ");
  return [{ kind: "twice-told", id, times: told.length - 1, fault: `${type} of ${service} is at ${positions}` }];
}

function doubled(id: string, { handled, caused }: Traces): Finding[] {
  const days = Map.groupBy(handled, ({ group }) => group);
  return [
    ...[...days].flatMap(([group, each]): Finding[] =>
      each.length === 1
        ? []
        : [
            {
              kind: "twice-handled",
              id,
              times: each.length - 1,
              fault: `${group} has it under ${each.map(({ day }) => day).join(" and ")}`,
            },
          ],
    ),
    ...caused.flatMap(({ service, stream, type, times }): Finding[] =>
      times === 1
        ? []
        : [
            {
              kind: "twice-caused",
              id,
              times: times - 1,
              fault: `${type} is ${times} times in ${stream} of ${service}`,
            },
          ],
    ),
  ];
}

/** An effect that a service had without noting that it handled the message. */
function unremembered(id: string, { handled, caused }: Traces, { groups }: Context): Finding[] {
  const serviceOf = (name: string) => groups.find(({ group }) => group === name)?.service;
  return caused
    .filter(({ service }) => !handled.some(({ group }) => serviceOf(group) === service))
    .map(({ service, stream, type }) => ({
      kind: "unremembered",
      id,
      fault: `it made ${service} add ${type} to ${stream}`,
    }));
}

/** Why a group has not handled a message, as far as anybody knows. */
function unhandled(told: Told, { group, roads }: Group, context: Context): Finding[] {
  const { id, type, key, service, sequence, timestamp } = told;
  const { letters, standings, parked, now } = context;
  const finding = ({ kind, why }: Reason): Finding[] => [
    { kind, id, fault: `${type} ${sequence} of ${key}, for ${group}: ${why}` },
  ];
  const letter = letters.get(`${group} ${id}`);
  const settled = letter && reasonOf(letter);
  if (settled !== undefined) return finding(settled);
  if (parked.has(`${group} ${id}`)) return finding({ kind: "waiting", why: "parked behind a dead message of its key" });
  const used = roads.filter((road) => standings.get(service)?.passed.has(road));
  const stops = (used.length > 0 ? used : roads).map((road) => stopOn(road, told, context));
  // Where it is stopped on each of its roads, by the one on which it may still come; it needs no more than one.
  const [stop] = stops.includes(undefined) ? [] : hopes.flatMap((kind) => stops.filter((each) => each?.kind === kind));
  if (stop !== undefined) return finding(stop);
  if (now.getTime() - Date.parse(timestamp) < graceMs) return finding({ kind: "waiting", why: "not a minute old" });
  const again = letter ?? used.map((road) => letters.get(`outbox ${road} ${id}`)).find((each) => each !== undefined);
  const sentAgain = again === undefined ? "" : `, and sent again as ${again.name}`;
  return finding({ kind: "missing", why: `published by ${service}${sentAgain}` });
}

/** Why a message has not left by a road; undefined where it has. */
function stopOn(road: string, told: Told, { letters, standings }: Context): Reason | undefined {
  const { id, service, position, slot } = told;
  const standing = standings.get(service);
  const letter = letters.get(`outbox ${road} ${id}`);
  const refused = letter && reasonOf(letter);
  if (refused !== undefined) return refused;
  if (standing?.dead.has(`${road} ${id}`))
    return { kind: "dead", why: `the relay of ${service} gave it up, refused by ${road}` };
  if (standing?.parked.has(`${road} ${id}`))
    return { kind: "waiting", why: `parked for ${road} in the outbox of ${service}` };
  const lanes = standing?.passed.get(road) ?? [];
  const isPassed = (lanes[slot % lanes.length] ?? 0) >= position;
  return isPassed ? undefined : { kind: "waiting", why: `in the outbox of ${service}, at ${position}` };
}

/** What a letter says of its message; undefined where it was sent again. */
function reasonOf({ name, state, replacedBy }: Letter): Reason | undefined {
  if (state === "open" || state === "quarantined") return { kind: "dead", why: `letter ${name} is ${state}` };
  if (state === "discarded") return { kind: "settled", why: `letter ${name} was discarded` };
  if (state === "replaced") return { kind: "settled", why: `${replacedBy} went out in its place` };
  return undefined;
}
