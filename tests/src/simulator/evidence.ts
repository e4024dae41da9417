import { readNote } from "../../../packages/transport/src/kafka/note.ts";
import { headerOf } from "../../../packages/transport/src/kafka/records.ts";
import type { Journal } from "./journal.ts";
import type { Cluster } from "./kafka/cluster.ts";
import { nameOf } from "./kafka/group.ts";
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
    isSetAside(consumer.group, row.id, cluster) ||
    from.schema.dead.committed().some(({ id }) => id === row.id)
  );
}

export function isWaiting({ row, from, consumer }: Delivery, { journal, cluster }: Evidence): boolean {
  const parked = from.schema.parked.committed().some(({ id }) => id === row.id);
  if (parked || !isPassed(row, from)) return true;
  const { offsets } = cluster.group(`sim.${consumer.group}`);
  return takenIn(journal)
    .filter(({ id }) => id === row.id)
    .some(({ record }) => {
      const { offset = 0n, metadata = "" } = offsets.get(nameOf(record)) ?? {};
      const ended = readNote(offset, metadata)?.ended ?? [];
      const hasEnded = ended.some(({ from, count }) => record.offset >= from && record.offset < from + count);
      return record.offset >= offset && !hasEnded;
    });
}

/** What relays have sent, dead letters aside. */
export function takenIn({ taken }: Journal): Journal["taken"] {
  return taken.filter(({ record }) => !record.topic.endsWith(".DLT"));
}

export function isPassed({ position, slot }: OutboxRow, { schema }: Postgres): boolean {
  const cursors = schema.cursors.committed();
  return cursors.some((cursor) => cursor.lane === slot % cursors.length && cursor.position >= position);
}

/** What groups have set aside. */
export function lettersIn({ topics }: Cluster) {
  const records = [...topics]
    .filter(([topic]) => topic.endsWith(".DLT"))
    .flatMap(([, partitions]) => partitions.flat());
  return records.map((record) => ({
    group: headerOf(record, "group") ?? "",
    id: headerOf(record, "id") ?? "",
    reason: headerOf(record, "errorMessage") ?? "",
  }));
}

function isSetAside(group: string, id: string, cluster: Cluster): boolean {
  return lettersIn(cluster).some((letter) => letter.group === group && letter.id === id);
}
