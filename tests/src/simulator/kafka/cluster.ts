import type { World } from "../world.ts";
import { createGroup, type Group } from "./group.ts";

/** As a consumer gets it. */
export type StoredRecord = {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string | Buffer>>;
};
export type NewRecord = Omit<StoredRecord, "offset">;

/** What a broker says to the records of one request for one partition. */
export type Outcome = "taken" | "taken, and the answer lost" | "lost" | "refused";

/** As much of a Kafka cluster as kafkajs relies on, and what is wrong with it at the moment. */
export type Cluster = {
  /** By topic and partition. */
  readonly topics: Map<string, StoredRecord[][]>;
  readonly groups: Map<string, Group>;
  /** Nobody answers until then. */
  downUntil: number;
  /** How it will answer; decided for each request and partition. */
  fate: (topic: string, records: readonly NewRecord[]) => Outcome;
  /** Told of each request that a process sends. */
  onSending: (keys: readonly string[]) => void;
  /** Told of each record that was taken. */
  onTaken: (topic: string, partition: number, record: StoredRecord) => void;
  readonly isDown: boolean;
  create(topic: string, partitions: number): void;
  append(topic: string, partition: number, records: readonly NewRecord[]): Outcome;
  group(id: string): Group;
  /** Calls back once, at the next record. */
  onNews(listener: () => void): void;
};

export function createCluster(world: World): Cluster {
  let listeners: (() => void)[] = [];

  const cluster: Cluster = {
    topics: new Map(),
    groups: new Map(),
    downUntil: 0,
    fate: () => "taken",
    onSending: () => undefined,
    onTaken: () => undefined,
    get isDown() {
      return world.now < cluster.downUntil;
    },
    create(topic, partitions) {
      if (!cluster.topics.has(topic))
        cluster.topics.set(
          topic,
          Array.from({ length: partitions }, () => []),
        );
    },
    append(topic, partition, records) {
      const log = cluster.topics.get(topic)?.[partition];
      if (log === undefined) throw new Error(`Kafka has no partition ${partition} of ${topic}`);
      const outcome = cluster.fate(topic, records);
      world.note(() => `kafka      ${topic}/${partition}: ${records.length} records are ${outcome}`);
      if (outcome === "lost" || outcome === "refused") return outcome;
      for (const record of records) {
        const stored = { ...record, offset: String(log.length) };
        log.push(stored);
        cluster.onTaken(topic, partition, stored);
      }
      const told = listeners;
      listeners = [];
      for (const listener of told) listener();
      return outcome;
    },
    group(id) {
      const group = cluster.groups.get(id) ?? createGroup(id, world);
      cluster.groups.set(id, group);
      return group;
    },
    onNews: (listener) => void listeners.push(listener),
  };
  return cluster;
}
