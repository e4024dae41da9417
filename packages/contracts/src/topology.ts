import type { Contract } from "./contract.ts";
import {
  orderCancelled,
  orderCompleted,
  orderCreated,
  paymentCompleted,
  paymentFailed,
  paymentRefunded,
  paymentRequested,
  refundRequested,
  stockRejected,
  stockReleased,
  stockReserved,
  workPriority,
  workTypes,
} from "./messages.ts";

/** A broker as a way to somebody. */
export type Road = "kafka" | "sns-sqs" | "sns-sqs-fifo" | "rabbitmq";

/** How much the brokers are to endure. */
export type Environment = "development" | "production";

/** What a service tells, and the roads by which it leaves: each of them gets every message. */
export type Sender = { readonly service: string; readonly types: readonly string[]; readonly roads: readonly Road[] };

/** Who shares the messages of these types, and the roads by which they come: a message that comes twice has one effect. */
export type Group = {
  readonly group: string;
  readonly service: string;
  readonly types: readonly string[];
  readonly roads: readonly Road[];
  /** Deliveries before a message that fails is set aside. */
  readonly attempts: number;
};

/** Who tells what to whom, and by which road. */
export type Topology = { readonly senders: readonly Sender[]; readonly groups: readonly Group[] };

type Told = Pick<Contract, "type">;

const orderEvents = [orderCreated, orderCompleted, orderCancelled];
const paymentEvents = [paymentCompleted, paymentFailed, paymentRefunded];
const stockEvents = [stockReserved, stockRejected, stockReleased];
const paymentWork = [paymentRequested, refundRequested];

/** The flow of the shop. Topics, queues and bindings on every broker follow from this list and from nothing else. */
export const topology: Topology = {
  senders: [
    sends("order", orderEvents, "kafka", "sns-sqs"),
    sends("billing", paymentEvents, "kafka"),
    sends("billing", paymentWork, "rabbitmq"),
    sends("inventory", stockEvents, "kafka"),
  ],
  groups: [
    listens("order", [stockReserved, stockRejected, paymentCompleted, paymentFailed], "kafka"),
    listens("billing", [orderCreated, orderCancelled], "sns-sqs"),
    // The pauses between ten attempts add up to two minutes and a half, for as long as a provider may well be away.
    { ...listens("billing.work", paymentWork, "rabbitmq"), attempts: 10 },
    listens("inventory", [orderCreated, orderCancelled, orderCompleted], "sns-sqs"),
    listens("analytics", [...orderEvents, ...paymentEvents, ...stockEvents], "kafka"),
  ],
};

const dayMs = 24 * 60 * 60 * 1_000;
/** What an accountant may ask for. */
const audited = paymentEvents;

/**
 * What every topic is declared with, in the words of the Kafka transport's options. In production three brokers have each
 * message and two confirm it, so that one may be away; a developer's machine has one.
 */
export function settingsFor(environment: Environment) {
  const topics = Object.fromEntries(audited.map(({ type }) => [type, { retentionMs: 90 * dayMs }]));
  return { kafka: { partitions: 6, replicationFactor: environment === "production" ? 3 : 1, topics } };
}

/** The settings of a service as `openRoads` takes them: the manifest's say is in them. */
export function roadSettings<Settings extends { readonly topology: Environment; readonly kafka: object }>(
  settings: Settings,
) {
  const kafka = { ...settings.kafka, ...settingsFor(settings.topology).kafka } as Settings["kafka"];
  return { ...settings, kafka, work: { types: workTypes, priority: workPriority } };
}

/** Throws where nobody of that name is in the manifest. */
export function groupOf(name: string): Group {
  const found = topology.groups.find(({ group }) => group === name);
  if (found === undefined) throw new Error(`No group is called ${name}: add it to packages/contracts/src/topology.ts`);
  return found;
}

/** The roads of a service: the defaults of its PUBLISH_TO, CONSUME_FROM and WORK_ON. */
export function roadsOf(service: string): Readonly<Record<"publishTo" | "consumeFrom" | "workOn", readonly Road[]>> {
  const senders = topology.senders.filter((sender) => sender.service === service);
  const groups = topology.groups.filter((group) => group.service === service);
  const events = <Line extends Sender | Group>(lines: readonly Line[]) => lines.filter((line) => !isWork(line));
  return {
    publishTo: roadsIn(events(senders)),
    consumeFrom: roadsIn(events(groups)),
    workOn: roadsIn(groups.filter(isWork)),
  };
}

/** What is to be on one broker: all types that leave or are awaited by that road, and the groups that listen there. */
export function demandOn(road: Road, { senders, groups }: Topology = topology) {
  const on = <Line extends Sender | Group>(lines: readonly Line[]) => lines.filter(({ roads }) => roads.includes(road));
  const types = [...on(senders), ...on(groups)].flatMap((line) => line.types);
  return { types: [...new Set(types)].sort(), groups: on(groups) };
}

/** Where the settings of an environment send everybody by other roads. What is absent stays. */
export function withRoads(
  { senders, groups }: Topology,
  roads: {
    readonly publishTo?: readonly Road[];
    readonly consumeFrom?: readonly Road[];
    readonly workOn?: readonly Road[];
  },
): Topology {
  const moved = <Line extends Sender | Group>(line: Line, events: readonly Road[] | undefined): Line => ({
    ...line,
    roads: (isWork(line) ? roads.workOn : events) ?? line.roads,
  });
  return {
    senders: senders.map((sender) => moved(sender, roads.publishTo)),
    groups: groups.map((group) => moved(group, roads.consumeFrom)),
  };
}

/** Types that somebody awaits by a road by which nobody sends them: such messages never arrive. */
export function unreachable({ senders, groups }: Topology): { readonly group: string; readonly type: string }[] {
  return groups.flatMap(({ group, types, roads }) =>
    types
      .filter((type) => !senders.some((sender) => sender.types.includes(type) && meet(sender.roads, roads)))
      .map((type) => ({ group, type })),
  );
}

function sends(service: string, contracts: readonly Told[], ...roads: Road[]): Sender {
  return { service, types: typesOf(contracts), roads };
}

function listens(group: string, contracts: readonly Told[], ...roads: Road[]): Group {
  const [service = group] = group.split(".");
  return { group, service, types: typesOf(contracts), roads, attempts: 3 };
}

function typesOf(contracts: readonly Told[]): string[] {
  return contracts.map(({ type }) => type);
}

function isWork({ types }: Sender | Group): boolean {
  return types.some((type) => workTypes.includes(type));
}

function roadsIn(lines: readonly (Sender | Group)[]): Road[] {
  return [...new Set(lines.flatMap(({ roads }) => roads))];
}

function meet(some: readonly Road[], others: readonly Road[]): boolean {
  return some.some((road) => others.includes(road));
}
