import type { Group } from "@throughline/contracts/topology";
import type { Finding } from "./finding.ts";
import type { Caused, Handled } from "./handled.ts";
import type { Letter } from "./letters.ts";
import { isIn, momentIn, type Period } from "./period.ts";
import type { Standing, Told } from "./told.ts";
import { unhandled } from "./unhandled.ts";

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
  /** Group and id, of those that were handled. */
  readonly corrected: ReadonlySet<string>;
  /** Group and id of what waits in an inbox. */
  readonly parked: ReadonlySet<string>;
  /** Before it, some outbox has been emptied, and nobody can tell who committed what. */
  readonly comparableFrom: Date;
  /** When the databases were looked at. */
  readonly now: Date;
};

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
