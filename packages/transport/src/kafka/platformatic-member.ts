import { setTimeout as delay } from "node:timers/promises";
import {
  type Connection,
  Consumer,
  type fetchV17,
  type GroupPartitionsAssigner,
  kGetConnection,
  offsetCommitV8,
  type RecordsBatch,
} from "@platformatic/kafka";
import { assignByPartition, byPartition } from "./assign.ts";
import type { Batch, CommittedOffset, KafkaMessage, Member, Membership } from "./library.ts";
import { type ClientOptions, opened } from "./platformatic.ts";

const fetchWaitMs = 250;
/** The pause before what came at the wrong time is fetched again, or a broker without partitions is asked. */
const refetchAfterMs = 100;
const [earliest, latest] = [-2n, -1n];
const isControl = 0b10_0000;

/** What the group gave to this member: where it is in each partition, by topic and partition. */
type Generation = { readonly id: number; readonly memberId: string; readonly positions: Map<string, Position> };
type Position = { readonly topic: string; readonly partition: number; next: bigint; isPaused: boolean };

/**
 * Of the library's consumer only the membership and the single fetch are used: its stream cannot pause one partition,
 * its commits carry no metadata, and where the group has met anew they join it again and commit for partitions that
 * others have by then.
 */
export async function joinGroup(options: ClientOptions, membership: Membership): Promise<Member> {
  const { groupId, topics, sessionTimeoutMs, onAssigned, onRebalance, onBatch, onCrash } = membership;
  let joined: Generation | undefined;
  /** Undefined where nothing may be fetched. */
  let current: Generation | undefined;
  let handedOver: Promise<unknown> = Promise.resolve();
  let isOver = false;
  const consumer = new Consumer({
    ...options,
    groupId,
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: sessionTimeoutMs / 10,
    rebalanceTimeout: Math.max(30_000, sessionTimeoutMs),
    protocols: [{ name: byPartition, version: 0 }],
    partitionAssigner,
    // Awaited before it joins anew: the last moment at which commits still count.
    protocolsMetadata: () => handedOver.then(() => Buffer.alloc(0)),
  });
  for (const topic of topics) consumer.topics.track(topic);
  consumer.on("consumer:group:rebalance", () => {
    current = undefined;
    handedOver = onRebalance();
  });
  consumer.on("consumer:group:join", () => void begin().catch(crash));
  // It has given up joining, or hears nothing of the group.
  consumer.on("error", crash);
  consumer.on("consumer:heartbeat:stalled", ({ lastError }) =>
    crash(lastError ?? new Error("No heartbeat was answered")),
  );
  await opened(consumer, consumer.joinGroup({}));

  return {
    commit: (offsets) => commit(offsets, joined),
    pause: (topic, partition) => setPaused(topic, partition, true),
    resume: (topic, partition) => setPaused(topic, partition, false),
    async leave() {
      isOver = true;
      current = undefined;
      await consumer.close(true);
    },
  };

  function setPaused(topic: string, partition: number, isPaused: boolean): void {
    const position = current?.positions.get(`${topic}/${partition}`);
    if (position) position.isPaused = isPaused;
  }

  function crash(error: Error): void {
    if (isOver) return;
    isOver = true;
    current = undefined;
    void Promise.allSettled([consumer.close(true)]);
    onCrash(error);
  }

  /** Takes up the partitions where the group stands. */
  async function begin(): Promise<void> {
    const generation = { id: consumer.generationId, memberId: consumer.memberId ?? "", positions: new Map() };
    joined = generation;
    current = generation;
    onAssigned();
    const assigned = (consumer.assignments ?? []).filter(({ partitions }) => partitions.length > 0);
    if (assigned.length === 0) return;
    const offsetsAt = (timestamp: bigint) =>
      consumer.listOffsets({ topics: assigned.map(({ topic }) => topic), timestamp });
    const [committed, lowest, highest] = await Promise.all([
      consumer.listCommittedOffsets({ topics: assigned }),
      offsetsAt(earliest),
      offsetsAt(latest),
    ]);
    for (const { topic, partitions } of assigned) {
      for (const partition of partitions) {
        const [at = -1n, low = 0n] = [committed.get(topic)?.[partition], lowest.get(topic)?.[partition]];
        // A broker may have lost the end of its log, and with it the place of the group.
        const isThere = at >= low && at <= (highest.get(topic)?.[partition] ?? at);
        const position: Position = { topic, partition, next: isThere ? at : low, isPaused: false };
        generation.positions.set(`${topic}/${partition}`, position);
      }
    }
    const { brokers } = await consumer.metadata({ topics: [...topics] });
    for (const node of brokers.keys()) void fetchFrom(node, generation).catch(crash);
  }

  async function fetchFrom(node: number, generation: Generation): Promise<void> {
    while (current === generation) {
      const metadata = await consumer.metadata({ topics: [...topics] });
      const wanted = [...generation.positions.values()].filter(
        ({ topic, partition, isPaused }) =>
          !isPaused && metadata.topics.get(topic)?.partitions[partition]?.leader === node,
      );
      if (wanted.length === 0) await delay(refetchAfterMs);
      else {
        const names = new Map(wanted.map(({ topic }) => [metadata.topics.get(topic)?.id ?? "", topic]));
        const asked = [...names].map(([topicId, topic]) => ({
          topicId,
          partitions: wanted.filter((position) => position.topic === topic).map(toFetch),
        }));
        const since = Date.now();
        const answer = await consumer.fetch({
          node,
          topics: asked,
          maxWaitTime: fetchWaitMs,
          maxBytes: 4 * 1_024 * 1_024,
        });
        if (current === generation) await handOn(answer, names, generation, since);
      }
    }
  }

  async function handOn(
    { responses }: fetchV17.FetchResponse,
    names: ReadonlyMap<string, string>,
    { positions }: Generation,
    since: number,
  ) {
    const waits = responses.flatMap(({ topicId, partitions }) =>
      partitions.map(async ({ partitionIndex, records }) => {
        const position = positions.get(`${names.get(topicId)}/${partitionIndex}`);
        const last = records?.at(-1);
        if (!position || !last) return;
        const batch = { ...toBatch(position, records ?? []), since };
        const { isTaken, next } = batch.messages.length > 0 ? onBatch(batch) : { isTaken: true, next: undefined };
        if (isTaken) position.next = last.firstOffset + BigInt(last.lastOffsetDelta) + 1n;
        else await delay(refetchAfterMs);
        await next;
      }),
    );
    await Promise.all(waits);
  }

  async function commit(offsets: readonly CommittedOffset[], generation: Generation | undefined): Promise<void> {
    const { brokers } = await consumer.metadata({ topics: [...topics] });
    const coordinator = brokers.get(consumer.coordinatorId ?? -1);
    if (generation === undefined || coordinator === undefined) throw new Error(`No member of ${groupId} at the moment`);
    const { promise: connected, resolve, reject } = Promise.withResolvers<Connection>();
    consumer[kGetConnection](coordinator, (error, connection) => (connection ? resolve(connection) : reject(error)));
    const { id, memberId } = generation;
    await offsetCommitV8.api.async(await connected, groupId, id, memberId, null, toTopicOffsets(offsets));
  }
}

/** As kafkajs does it, under the same name: a group may have members of both. */
const partitionAssigner: GroupPartitionsAssigner = (_current, members, _topics, metadata) => {
  const asking = [...members.values()].map(({ memberId, topics = [] }) => ({ memberId, topics }));
  const countOf = (topic: string) => metadata.topics.get(topic)?.partitionsCount ?? 0;
  return assignByPartition(asking, countOf).map(({ memberId, assignment }) => ({
    memberId,
    assignments: new Map(Object.entries(assignment).map(([topic, partitions]) => [topic, { topic, partitions }])),
  }));
};

function toFetch({ partition, next: fetchOffset }: Position) {
  return { partition, fetchOffset, currentLeaderEpoch: -1, lastFetchedEpoch: -1, partitionMaxBytes: 512 * 1_024 };
}

/** A fetch brings whole batches, and so also what lies before the offset that was asked for. */
function toBatch({ topic, partition, next }: Position, batches: readonly RecordsBatch[]): Batch {
  const records = batches
    .filter(({ attributes }) => (attributes & isControl) === 0)
    .flatMap(({ firstOffset, firstTimestamp, records }) =>
      records.map(
        ({ key, value, headers, offsetDelta, timestampDelta }): KafkaMessage => ({
          ...{ topic, partition, key, value },
          headers: headers.map(([name, one]) => [String(name), one ?? Buffer.alloc(0)]),
          offset: firstOffset + BigInt(offsetDelta),
          timestamp: firstTimestamp + timestampDelta,
        }),
      ),
    );
  return { topic, partition, messages: records.filter(({ offset }) => offset >= next) };
}

function toTopicOffsets(offsets: readonly CommittedOffset[]) {
  return [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, partitions]) => ({
    name,
    partitions: partitions.map(({ partition, offset, metadata }) => ({
      partitionIndex: partition,
      committedOffset: offset,
      committedLeaderEpoch: -1,
      committedMetadata: metadata,
    })),
  }));
}
