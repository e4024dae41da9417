import { type Group, groupOf, type Sender, topology, unreachable, withRoads } from "@throughline/contracts/topology";
import { type Config, type Fault, settingChecks } from "@throughline/service";
import type { Check } from "./check.ts";

/** What a process needs of its pool beside its handlers: lane and tail of a relay, and somebody who asks over HTTP. */
const otherConnections = 4;

/** Checks that look at nothing but the settings and the manifest. */
export const checksOfSettings: readonly Check[] = [
  ...settingChecks.map(({ id, name, check }) => contradiction(id, name, ({ config }) => check(config))),
  suspicion("pool-size", "The pool has a connection for each handler at work, beside relay and HTTP.", ({ config }) =>
    poolFault(config),
  ),
  contradiction("outgoing-road", "What a service tells has a road to leave by.", ({ config }) => strandedFault(config)),
  suspicion("incoming-road", "What a service awaits comes by a road on which somebody sends it.", ({ config }) =>
    lostFault(config),
  ),
  contradiction("reactions", "A service handles what the manifest sends to it, and nothing else.", ({ handled = {} }) =>
    firstOf(Object.entries(handled), ([group, types]) => reactionFault(groupOf(group), types)),
  ),
];

function contradiction(id: string, name: string, check: Check["check"]): Check {
  return { id, name, severity: "contradiction", needs: "settings", check };
}

function suspicion(id: string, name: string, check: Check["check"]): Check {
  return { id, name, severity: "suspicion", needs: "settings", check };
}

function poolFault({ databaseUrl, databasePoolSize, handlerConcurrency, workOn }: Config): Fault | undefined {
  const needed = handlerConcurrency + otherConnections;
  // Events are handled together in one transaction; work calls a third party, message by message.
  if (databaseUrl === "" || workOn.length === 0 || databasePoolSize >= needed) return undefined;
  return {
    settings: ["DATABASE_POOL_SIZE", "HANDLER_CONCURRENCY"],
    conflict: `DATABASE_POOL_SIZE (${databasePoolSize}) is less than HANDLER_CONCURRENCY (${handlerConcurrency}) and ${otherConnections}`,
    consequence: "handlers wait for each other's connections, and may run out of time on that",
    fix: `Raise it to ${needed} or lower the other`,
  };
}

function strandedFault({ service, publishTo, workOn }: Config): Fault | undefined {
  const own = topology.senders.filter((sender) => sender.service === service);
  return firstOf(own, (sender) => {
    const [setting, roads] = isWork(sender) ? (["WORK_ON", workOn] as const) : (["PUBLISH_TO", publishTo] as const);
    if (roads.length > 0) return undefined;
    return {
      settings: [setting, "the manifest"],
      conflict: `${setting} is none, and by the manifest ${service} sends ${sender.types.join(", ")}`,
      consequence: "these messages stay in the outbox for ever",
      fix: `Set it to ${sender.roads.join(",")}`,
    };
  });
}

function lostFault({ service, publishTo, consumeFrom, workOn }: Config): Fault | undefined {
  // The senders are where the manifest has them, or where this process is: one setting may have moved everybody.
  const alone = unreachable(withRoads(topology, { consumeFrom, workOn }));
  const together = unreachable(
    withRoads(topology, { consumeFrom, workOn, publishTo: publishTo.length > 0 ? publishTo : consumeFrom }),
  );
  const isLost = (group: string, type: string) =>
    [alone, together].every((lost) => lost.some((one) => one.group === group && one.type === type));
  const own = topology.groups.filter((group) => group.service === service);
  return firstOf(own, (group) => {
    const type = group.types.find((one) => isLost(group.group, one));
    if (type === undefined) return undefined;
    const [setting, roads] = isWork(group) ? (["WORK_ON", workOn] as const) : (["CONSUME_FROM", consumeFrom] as const);
    return {
      settings: [setting, "PUBLISH_TO"],
      conflict: `${setting} of ${service} is ${roads.join(",") || "none"}, and PUBLISH_TO of whoever sends ${type} has no such road`,
      consequence: `${group.group} waits for it for ever`,
      fix: `Take a road that its sender takes: ${roadsTo(type).join(", ")}`,
    };
  });
}

function reactionFault({ group, types: routed }: Group, handled: readonly string[]): Fault | undefined {
  const unrouted = handled.filter((type) => !routed.includes(type));
  const unhandled = routed.filter((type) => !handled.includes(type));
  if (unrouted.length === 0 && unhandled.length === 0) return undefined;
  const parts = [
    ...(unrouted.length > 0
      ? [`${group} reacts to ${unrouted.join(", ")}, which the manifest does not send to it`]
      : []),
    ...(unhandled.length > 0 ? [`the manifest sends ${unhandled.join(", ")} to ${group}, which does not react`] : []),
  ];
  return {
    settings: ["packages/contracts/src/topology.ts", `reactions of ${group}`],
    conflict: parts.join("; "),
    consequence: "queues and policies made from the manifest lack such a type, or bring one that nobody handles",
    fix: "Bring the two together",
  };
}

function roadsTo(type: string): string[] {
  return topology.senders.filter(({ types }) => types.includes(type)).flatMap(({ roads }) => roads);
}

function isWork({ types }: Sender | Group): boolean {
  return topology.groups.some(
    ({ group, types: work }) => group.endsWith(".work") && types.some((one) => work.includes(one)),
  );
}

function firstOf<Item>(items: readonly Item[], judge: (item: Item) => Fault | undefined): Fault | undefined {
  for (const item of items) {
    const fault = judge(item);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
