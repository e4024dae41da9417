import { type Journal, textOf } from "./journal.ts";
import type { Cluster } from "./kafka/cluster.ts";
import type { Plan } from "./plan.ts";
import type { Postgres } from "./postgres/pool.ts";
import type { OutboxRow } from "./postgres/schema.ts";
import { consumers, type ServiceName } from "./service.ts";

export type Evidence = {
  readonly plan: Plan;
  readonly journal: Journal;
  readonly cluster: Cluster;
  readonly databases: { readonly [name in ServiceName]: Postgres };
};

export type Delivery = {
  readonly row: OutboxRow;
  readonly from: Postgres;
  readonly consumer: (typeof consumers)[number];
};

/** Whether everything that was committed has come to an end, good or bad: nothing waits that could still come. */
export function isSettled(evidence: Evidence): boolean {
  return deliveriesOf(evidence).every((delivery) => isEnded(delivery, evidence) || !isWaiting(delivery, evidence));
}

export function deliveriesOf({ databases }: Evidence): Delivery[] {
  return Object.values(databases).flatMap((from) =>
    from.schema.outbox.committed().flatMap((row) => {
      const bound = consumers.filter(({ types }) => (types as readonly string[]).includes(row.type));
      return bound.map((consumer) => ({ row, from, consumer }));
    }),
  );
}

export function isEnded({ row, from, consumer }: Delivery, { databases, cluster }: Evidence): boolean {
  const { effects } = databases[consumer.service].schema;
  return (
    effects.committed().some(({ id }) => id === row.id) ||
    letters(cluster).has(`${consumer.group} ${row.id}`) ||
    from.schema.dead.committed().some(({ id }) => id === row.id)
  );
}

export function isWaiting({ row, from, consumer }: Delivery, { journal, cluster }: Evidence): boolean {
  const parked = from.schema.parked.committed().some(({ id }) => id === row.id);
  if (parked || !isPassed(row, from)) return true;
  const { offsets } = cluster.group(`sim.${consumer.group}`);
  return journal.taken
    .filter(({ id, topic }) => id === row.id && !topic.endsWith(".DLT"))
    .some(({ topic, partition, offset }) => Number(offsets.get(`${topic}/${partition}`) ?? 0) <= offset);
}

export function isPassed({ position, slot }: OutboxRow, { schema }: Postgres): boolean {
  const cursors = schema.cursors.committed();
  return cursors.some((cursor) => cursor.lane === slot % cursors.length && cursor.position >= position);
}

/** Group and id of each message that a group has set aside. */
export function letters(cluster: Cluster): Set<string> {
  const found = new Set<string>();
  for (const [topic, partitions] of cluster.topics) {
    if (!topic.endsWith(".DLT")) continue;
    for (const record of partitions.flat()) found.add(`${textOf(record, "group")} ${textOf(record, "id")}`);
  }
  return found;
}
