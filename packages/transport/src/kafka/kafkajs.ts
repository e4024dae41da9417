import { setTimeout as delay } from "node:timers/promises";
import {
  AssignerProtocol,
  CompressionTypes,
  type Consumer,
  type EachBatchPayload,
  type IHeaders,
  Kafka,
  logLevel,
  type PartitionAssigner,
  Partitioners,
  type SASLOptions,
} from "kafkajs";
import "./kafkajs-codecs.ts";
import "./kafkajs-rejoin.ts";
import "./kafkajs-timer.ts";
import { assignByPartition, byPartition } from "./assign.ts";
import { connectAdmin } from "./kafkajs-admin.ts";
import type { Batch, CommittedOffset, KafkaLibrary, KafkaRecord, Member, Membership, Producer } from "./library.ts";
import type { KafkaSettings } from "./settings.ts";

/**
 * kafkajs 2.2.4, with its faults cured here: it is no longer maintained. One client for each producer, consumer and
 * admin: two consumers of one group that share a client also share its cache of committed offsets, and the second to
 * join empties it under the first.
 */
export function kafkajs(settings: KafkaSettings): KafkaLibrary {
  return {
    connectProducer: () => connectProducer(createClient(settings), settings),
    connectAdmin: () => connectAdmin(createClient(settings)),
    joinGroup: (membership) => joinGroup(createClient(settings), membership),
  };
}

const compressionTypes = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, zstd: CompressionTypes.ZSTD };

/** How long a fetch waits at the broker for messages, and so how long an idle member takes to stop. */
const fetchWaitMs = 250;
/** The pause before what came at the wrong time is fetched again. */
const refetchAfterMs = 100;

export function createClient({ brokers, namespace, ssl, sasl }: KafkaSettings): Kafka {
  return new Kafka({
    brokers: [...brokers],
    clientId: namespace,
    connectionTimeout: 3_000,
    requestTimeout: 8_000,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 4 },
    // Silent, because all that matters also arrives as a rejected promise or as the consumer's CRASH event.
    logLevel: logLevel.NOTHING,
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl: sasl as SASLOptions }),
  });
}

async function connectProducer(client: Kafka, { compression }: KafkaSettings): Promise<Producer> {
  /** The partitions, by topic, that the records of the current call went to. */
  const chosen = new Map<string, Set<number>>();
  const producer = client.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: () => {
      const choose = Partitioners.DefaultPartitioner();
      return (choice) => {
        const partition = choose(choice);
        chosen.get(choice.topic)?.add(partition);
        return partition;
      };
    },
  });
  await producer.connect();
  return {
    async send(records) {
      const topicMessages = [...Map.groupBy(records, ({ topic }) => topic)].map(([topic, messages]) => ({
        topic,
        messages: messages.map(toMessage),
      }));
      chosen.clear();
      for (const { topic } of topicMessages) chosen.set(topic, new Set());
      const answers = await producer.sendBatch({ acks: -1, compression: compressionTypes[compression], topicMessages });
      // kafkajs asks each broker once: a partition that moves meanwhile to one that has answered is left out, unnoticed.
      for (const { topicName, partition } of answers) chosen.get(topicName)?.delete(partition);
      for (const [topic, [unanswered]] of chosen) {
        if (unanswered !== undefined) throw new Error(`Kafka did not answer for partition ${unanswered} of ${topic}`);
      }
    },
    close: () => producer.disconnect(),
  };
}

async function joinGroup(client: Kafka, membership: Membership): Promise<Member> {
  const consumer = createConsumer(client, membership);
  const { topics, onBatch, onAssigned, onRebalance, onCrash } = membership;
  let send: EachBatchPayload["commitOffsetsIfNecessary"] | undefined;
  let isStarted = false;
  let crash: Error | undefined;
  consumer.on("consumer.rebalancing", onRebalance);
  consumer.on("consumer.group_join", () => {
    onAssigned();
    consumer.resume(consumer.paused());
  });
  // It starts a consumer anew only after some errors; after the others it would be dead without a word.
  consumer.on("consumer.crash", ({ payload: { error } }) => {
    crash = error;
    if (isStarted) onCrash(error);
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      // All that one fetch brings goes to the intake at once, which holds none back for another.
      partitionsConsumedConcurrently: 64,
      async eachBatch({ batch, resolveOffset, commitOffsetsIfNecessary }) {
        send = commitOffsetsIfNecessary;
        const { isTaken, next } = onBatch(toBatch(batch));
        if (isTaken) resolveOffset(batch.lastOffset());
        else await delay(refetchAfterMs);
        await next;
      },
    });
    if (crash !== undefined) throw crash;
    isStarted = true;
  } catch (error) {
    await Promise.allSettled([consumer.disconnect()]);
    throw error;
  }
  return {
    // The consumer's own commitOffsets would try again after a rebalance, and move offsets of partitions it has lost.
    commit: async (offsets) => send?.({ topics: toTopicOffsets(offsets) }),
    pause: (topic, partition) => consumer.pause([{ topic, partitions: [partition] }]),
    resume: (topic, partition) => consumer.resume([{ topic, partitions: [partition] }]),
    leave: () => consumer.disconnect(),
  };
}

function createConsumer(client: Kafka, { groupId, sessionTimeoutMs }: Membership): Consumer {
  return client.consumer({
    groupId,
    partitionAssigners: [assigner],
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: sessionTimeoutMs / 10,
    rebalanceTimeout: 30_000,
    maxWaitTimeInMs: fetchWaitMs,
    // What is fetched is held in memory: these bound it, whatever the backlog.
    maxBytesPerPartition: 512 * 1_024,
    maxBytes: 4 * 1_024 * 1_024,
    allowAutoTopicCreation: false,
    retry: { restartOnFailure: async () => false },
  });
}

const { MemberMetadata, MemberAssignment } = AssignerProtocol;
const version = 0;
const userData = Buffer.alloc(0);

const assigner: PartitionAssigner = ({ cluster }) => ({
  name: byPartition,
  version,
  protocol: ({ topics }) => ({ name: byPartition, metadata: MemberMetadata.encode({ version, topics, userData }) }),
  async assign({ members }) {
    const asking = members.map(({ memberId, memberMetadata }) => ({
      memberId,
      topics: MemberMetadata.decode(memberMetadata)?.topics ?? [],
    }));
    await cluster.addMultipleTargetTopics([...new Set(asking.flatMap(({ topics }) => topics))]);
    const countOf = (topic: string) => cluster.findTopicPartitionMetadata(topic).length;
    return assignByPartition(asking, countOf).map(({ memberId, assignment }) => ({
      memberId,
      memberAssignment: MemberAssignment.encode({ version, assignment, userData }),
    }));
  },
});

function toMessage({ key, value, headers: pairs }: KafkaRecord) {
  const byName = [...Map.groupBy(pairs, ([name]) => name)];
  return { key, value, headers: Object.fromEntries(byName.map(([name, all]) => [name, all.map(([, one]) => one)])) };
}

function toBatch({ topic, partition, messages }: EachBatchPayload["batch"]): Batch {
  const read = messages.map(({ key, value, headers = {}, offset, timestamp }) => ({
    ...{ topic, partition, key, value, headers: toHeaders(headers) },
    ...{ offset: BigInt(offset), timestamp: BigInt(timestamp) },
  }));
  return { topic, partition, messages: read };
}

/** Where a header is called `constructor`, kafkajs puts what every object has under that name before its values. */
function toHeaders(headers: IHeaders): [string, Buffer][] {
  return Object.entries(headers).flatMap(([name, values]) => {
    const all = [values].flat().map((value) => value ?? Buffer.alloc(0));
    return all.filter(Buffer.isBuffer).map((value): [string, Buffer] => [name, value]);
  });
}

function toTopicOffsets(offsets: readonly CommittedOffset[]) {
  return [...Map.groupBy(offsets, ({ topic }) => topic)].map(([topic, partitions]) => ({
    topic,
    partitions: partitions.map(({ partition, offset, metadata }) => ({ partition, offset: String(offset), metadata })),
  }));
}
