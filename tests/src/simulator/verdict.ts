import { deliveriesOf, type Evidence, isEnded, isPassed, isWaiting, lettersIn, takenIn } from "./evidence.ts";
import { attempts, type Temper, tries } from "./plan.ts";
import type { Postgres } from "./postgres/pool.ts";
import type { OutboxRow } from "./postgres/schema.ts";

/** `id` is that of guarantees.md. */
export type Violation = { readonly id: string; readonly says: string };

export function judge(evidence: Evidence, isGivenUp: boolean) {
  const { journal, databases, cluster } = evidence;
  const violations = [
    ...lost(evidence, isGivenUp),
    ...ghosts(evidence),
    ...doubled(evidence),
    ...unmatched(evidence),
    ...disordered(evidence),
    ...uncontained(evidence),
    ...journal.rivals.map((says) => ({ id: "I11", says })),
    ...unpublished(evidence),
  ];
  const ids = takenIn(journal).map(({ id }) => id);
  const sum = (count: (postgres: Postgres) => number) =>
    Object.values(databases)
      .map(count)
      .reduce((a, b) => a + b, 0);
  const sometimes = {
    "messages committed": sum(({ schema }) => schema.outbox.committed().length),
    effects: sum(({ schema }) => schema.effects.committed().length),
    "duplicates suppressed": journal.suppressed,
    "published again": ids.length - new Set(ids).size,
    "lease changes": sum(({ schema }) => schema.cursors.committed().filter(({ epoch }) => epoch > 1).length),
    "unknown commit outcomes": sum(({ unknownCommits }) => unknownCommits),
    rebalances: [...cluster.groups.values()].reduce((all, group) => all + group.rebalances, 0),
    "given up by a relay": sum(({ schema }) => schema.dead.committed().length),
    crashes: journal.crashes,
    "dead letters": lettersIn(cluster).length,
  };
  return { violations, sometimes };
}

/** I1 where nothing waits any more, else L1. */
function lost(evidence: Evidence, isGivenUp: boolean): Violation[] {
  return deliveriesOf(evidence)
    .filter((delivery) => !isEnded(delivery, evidence))
    .flatMap((delivery) => {
      const { row, consumer } = delivery;
      const name = `${row.type} ${row.id} of ${row.key} for ${consumer.group}`;
      if (!isWaiting(delivery, evidence)) return [{ id: "I1", says: `${name} is lost` }];
      return isGivenUp ? [{ id: "L1", says: `${name} still waits` }] : [];
    });
}

function ghosts({ databases, journal }: Evidence): Violation[] {
  const rows = Object.values(databases).flatMap(({ schema }) => schema.outbox.committed());
  const committed = new Set(rows.map(({ id }) => id));
  const effects = Object.values(databases).flatMap(({ schema }) => schema.effects.committed().map(({ id }) => id));
  const placed = databases.order.schema.orders.committed().flatMap(({ messages }) => messages);
  const told = new Set(databases.order.schema.outbox.committed().map(({ id }) => id));
  const seen = new Set(takenIn(journal).map(({ id }) => id));
  return [
    ...[...seen]
      .filter((id) => !committed.has(id))
      .map((id) => ({ id: "I2", says: `${id} was published and never committed` })),
    ...effects
      .filter((id) => !committed.has(id))
      .map((id) => ({ id: "I2", says: `${id} had an effect and was never committed` })),
    ...[...told].filter((id) => !placed.includes(id)).map((id) => ({ id: "I2", says: `${id} is of no order` })),
    ...placed.filter((id) => !told.has(id)).map((id) => ({ id: "I1", says: `${id} was placed, and is in no outbox` })),
  ];
}

function doubled({ databases }: Evidence): Violation[] {
  return Object.values(databases).flatMap(({ schema }) => {
    const effects = Map.groupBy(schema.effects.committed(), ({ consumer, id }) => `${consumer}: ${id}`);
    const orders = Map.groupBy(schema.orders.committed(), ({ name }) => name);
    return [...effects, ...orders].flatMap(([name, each]) =>
      each.length > 1 ? [{ id: "I3", says: `${name} had ${each.length} effects` }] : [],
    );
  });
}

function unmatched({ databases }: Evidence): Violation[] {
  return Object.values(databases).flatMap(({ schema }) => {
    const nameOf = ({ consumer, id }: { consumer: string; id: string }) => `${consumer}: ${id}`;
    const handled = new Set(schema.handled.committed().map(nameOf));
    const effects = new Set(schema.effects.committed().map(nameOf));
    return [
      ...[...handled.difference(effects)].map((name) => ({
        id: "I4",
        says: `${name} is remembered without its effect`,
      })),
      ...[...effects.difference(handled)].map((name) => ({
        id: "I4",
        says: `${name} had its effect and is not remembered`,
      })),
    ];
  });
}

/** First arrivals at the broker, per key and topic, and first effects, per key and type. */
function disordered(evidence: Evidence): Violation[] {
  const { journal, databases, cluster } = evidence;
  const rows = new Map(
    Object.values(databases)
      .flatMap(({ schema }) => schema.outbox.committed())
      .map((row) => [row.id, row]),
  );
  const published = takenIn(journal).map(({ record: { topic }, id }) => ({ road: topic, id }));
  // A later copy of a message that was set aside is as good as its replay: it comes when it comes.
  const again = new Set(lettersIn(cluster).map(({ group, id }) => `${group} ${id}`));
  const effects = Object.values(databases).flatMap(({ schema }) =>
    schema.effects
      .committed()
      .filter(({ consumer, id }) => !again.has(`${consumer} ${id}`))
      .map(({ consumer, id }) => ({ road: consumer, id })),
  );
  const last = new Map<string, number>();
  const seen = new Set<string>();
  return [...published, ...effects].flatMap(({ road, id }) => {
    const row = rows.get(id);
    if (row === undefined || seen.has(`${road} ${id}`)) return [];
    seen.add(`${road} ${id}`);
    const name = `${road} ${row.source} ${row.key} ${row.type}`;
    const before = last.get(name) ?? 0;
    last.set(name, Math.max(before, row.sequence));
    return row.sequence < before ? [{ id: "I5", says: `${name}: ${row.sequence} came after ${before}` }] : [];
  });
}

/** How often a handler fails at such a message. */
const failuresOf: { readonly [temper in Temper]: number } = {
  calm: 0,
  swallowing: 1,
  flaky: 2,
  poison: Number.POSITIVE_INFINITY,
  rejected: Number.POSITIVE_INFINITY,
};

/** Ends in one way only, and what was given up had deserved it. */
function uncontained(evidence: Evidence): Violation[] {
  const { plan, journal, databases } = evidence;
  const tempers = new Map(plan.orders.flatMap(({ messages }) => messages).map(({ id, temper }) => [id, temper]));
  const dead = Object.values(databases).flatMap(({ schema }) => schema.dead.committed());
  // Where a member was at a message when the group met, that counts as an attempt, and so does the one before.
  const isDeserved = (id: string) =>
    failuresOf[tempers.get(id) ?? "calm"] + 2 * (journal.suspected.get(id) ?? 0) >= attempts;
  return [
    ...lettersIn(evidence.cluster)
      .filter(({ id }) => !isDeserved(id))
      .map(({ group, id, reason }) => ({ id: "I9", says: `${id} was set aside by ${group} without need: ${reason}` })),
    ...dead
      .filter(({ id }) => (journal.refused.get(id) ?? 0) < tries)
      .map(({ id }) => ({
        id: "I9",
        says: `${id} was given up after ${journal.refused.get(id) ?? 0} of ${tries} refusals`,
      })),
  ];
}

/** I13: what a relay has passed, the broker has taken, or the relay has set aside. */
function unpublished(evidence: Evidence): Violation[] {
  const taken = new Set(takenIn(evidence.journal).map(({ id }) => id));
  return Object.values(evidence.databases).flatMap((postgres) =>
    postgres.schema.outbox
      .committed()
      .filter((row) => !taken.has(row.id) && isPassed(row, postgres) && !isSetAside(row, postgres))
      .map(({ id }) => ({ id: "I13", says: `${id} counts as published, and the broker never took it` })),
  );
}

function isSetAside({ id }: OutboxRow, { schema }: Postgres): boolean {
  return [...schema.parked.committed(), ...schema.dead.committed()].some((row) => row.id === id);
}
