/**
 * A record on its way to one topic. A header may stand there several times: kafkajs puts them side by side. One without a
 * value is read as empty, because kafkajs cannot write it.
 */
export type KafkaRecord<Text = Buffer | string> = {
  readonly topic: string;
  readonly key: Text | null;
  readonly value: Text | null;
  readonly headers: readonly (readonly [name: string, value: Text])[];
};

/** A record with the place where it was read. */
export type KafkaMessage = KafkaRecord<Buffer> & {
  readonly partition: number;
  readonly offset: bigint;
  readonly timestamp: bigint;
};

export type Batch = {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly KafkaMessage[];
  /** When the fetch that brought it began, in milliseconds since 1970, where the library tells. */
  readonly since?: number;
};

/** How far a group is in a partition, with a note of its own beside that. */
export type CommittedOffset = {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly metadata: string;
};

export type NewTopic = {
  readonly topic: string;
  readonly numPartitions: number;
  readonly replicationFactor: number;
  readonly configEntries: readonly { readonly name: string; readonly value: string }[];
};

/** A topic as it is, with the settings in force by Kafka's own names. */
export type FoundTopic = { readonly partitions: number; readonly copies: number; readonly configs: Configs };

export type Configs = Readonly<Record<string, string>>;

/** The first offset that a partition still has, and the one that the next record gets. */
export type Range = { readonly low: bigint; readonly high: bigint };

/** What the transport needs of a client for Kafka: the one seam between the two. */
export interface KafkaLibrary {
  connectProducer(): Promise<Producer>;
  connectAdmin(): Promise<Admin>;
  /** Resolves once the group has met and given this member its partitions. */
  joinGroup(membership: Membership): Promise<Member>;
}

export interface Producer {
  /**
   * Idempotent, with acks=all; a key's partition is the one that Kafka's own clients choose. Resolves once every partition has said that it has its records. One call at a time, and
   * none after one that was rejected: what the library then believes of its sequence numbers may be wrong.
   */
  send(records: readonly KafkaRecord[]): Promise<void>;
  close(): Promise<void>;
}

export interface Admin {
  listTopics(): Promise<readonly string[]>;
  /** Topics that are there already stay as they are. */
  createTopics(topics: readonly NewTopic[]): Promise<void>;
  /** Whether each partition of each has a leader. The topics exist. */
  haveLeaders(topics: readonly string[]): Promise<boolean>;
  /** By partition. */
  rangesOf(topic: string): Promise<ReadonlyMap<number, Range>>;
  /** What a group has committed; partitions without that are left out. */
  committedBy(groupId: string, topics: readonly string[]): Promise<readonly CommittedOffset[]>;
  /** By topic; they exist. */
  describeTopics(topics: readonly string[]): Promise<ReadonlyMap<string, FoundTopic>>;
  /** Whatever else the topic was given stays. */
  configureTopic(topic: string, configs: Configs): Promise<void>;
  createPartitions(topic: string, count: number): Promise<void>;
  /** How many brokers there are, and what the controller's is set to, of the settings with these names. */
  describeCluster(names: readonly string[]): Promise<Configs>;
  close(): Promise<void>;
}

export type Membership = {
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  /** The group has met. What was fetched before belongs to nobody any more. */
  readonly onAssigned: () => void;
  /** The group is about to meet: what is committed at once, still counts. Awaited where the library can wait. */
  readonly onRebalance: () => Promise<void>;
  /** Called with what was fetched; not with more of it before `next` has resolved. */
  readonly onBatch: (batch: Batch) => Intaken;
  /** The member is out of the group and fetches no more; at the latest now it is to be joined anew. */
  readonly onCrash: (error: Error) => void;
};

/** Where a batch was not taken, it is fetched again. */
export type Intaken = { readonly isTaken: boolean; readonly next: Promise<unknown> };

export interface Member {
  /** Rejects where the group has met anew, and never commits for a later generation than that of its last batch. */
  commit(offsets: readonly CommittedOffset[]): Promise<void>;
  /** Fetches no more of a partition, until it resumes or the group meets anew. */
  pause(topic: string, partition: number): void;
  resume(topic: string, partition: number): void;
  leave(): Promise<void>;
}
