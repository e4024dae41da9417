import type { CommittedOffset, KafkaMessage, KafkaRecord } from "../../../../packages/transport/src/kafka/library.ts";
import { slotOf } from "../postgres/schema.ts";
import type { World } from "../world.ts";
import { createGroup, type Group } from "./group.ts";

/** What a broker says to the records of one request for one partition. */
export type Outcome = "taken" | "taken, and the answer lost" | "lost" | "refused";

/** As much of a Kafka cluster as a client library relies on, and what is wrong with it at the moment. */
export type Cluster = {
  /** By topic and partition. */
  readonly topics: ReadonlyMap<string, readonly (readonly KafkaMessage[])[]>;
  readonly groups: ReadonlyMap<string, Group>;
  /** Nobody answers until then. */
  downUntil: number;
  readonly isDown: boolean;
  /** How it will answer; decided for each request and partition. */
  fate: (topic: string, records: readonly KafkaRecord[]) => Outcome;
  /** Told of what a group has committed, whenever it meets. */
  onMeet: (offsets: readonly CommittedOffset[]) => void;
  /** Told of each record that was taken. */
  onTaken: (record: KafkaMessage) => void;
  create(topic: string, partitions: number): void;
  partitionOf(record: KafkaRecord): number;
  append(topic: string, partition: number, records: readonly KafkaRecord[]): Outcome;
  group(id: string): Group;
  committedBy(groupId: string): CommittedOffset[];
  /** Calls back once, at the next record. */
  onNews(listener: () => void): void;
};

export function createCluster(world: World): Cluster {
  const topics = new Map<string, KafkaMessage[][]>();
  const groups = new Map<string, Group>();
  let listeners: (() => void)[] = [];

  const cluster: Cluster = {
    topics,
    groups,
    downUntil: 0,
    fate: () => "taken",
    onMeet: () => undefined,
    onTaken: () => undefined,
    get isDown() {
      return world.now < cluster.downUntil;
    },
    create(topic, partitions) {
      if (!topics.has(topic))
        topics.set(
          topic,
          Array.from({ length: partitions }, () => []),
        );
    },
    partitionOf: ({ topic, key }) => slotOf(key?.toString() ?? "") % (topics.get(topic)?.length ?? 1),
    append(topic, partition, records) {
      const log = topics.get(topic)?.[partition];
      if (log === undefined) throw new Error(`Kafka has no partition ${partition} of ${topic}`);
      const outcome = cluster.fate(topic, records);
      world.note(() => `kafka      ${topic}/${partition}: ${records.length} records are ${outcome}`);
      if (outcome === "lost" || outcome === "refused") return outcome;
      for (const record of records) {
        const stored = { ...asRead(record), partition, offset: BigInt(log.length), timestamp: 0n };
        log.push(stored);
        cluster.onTaken(stored);
      }
      const told = listeners;
      listeners = [];
      for (const listener of told) listener();
      return outcome;
    },
    group(id) {
      const group = groups.get(id) ?? createGroup(id, world, (offsets) => cluster.onMeet(offsets));
      groups.set(id, group);
      return group;
    },
    committedBy: (groupId) => [...(groups.get(groupId)?.offsets.values() ?? [])],
    onNews: (listener) => void listeners.push(listener),
  };
  return cluster;
}

/** Whatever was text comes back as bytes. */
function asRead({ topic, key, value, headers }: KafkaRecord): KafkaRecord<Buffer> {
  const bytes = (text: Buffer | string | null) => (text === null ? null : Buffer.from(text));
  return {
    topic,
    key: bytes(key),
    value: bytes(value),
    headers: headers.map(([name, one]) => [name, Buffer.from(one)]),
  };
}
