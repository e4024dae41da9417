import type { EachBatchPayload, PartitionAssigner } from "kafkajs";
import { setTimeout as delay } from "../timers-promises.ts";
import { actors } from "../world.ts";
import { assignBy } from "./assign.ts";
import type { Cluster, StoredRecord } from "./cluster.ts";
import type { Assigned, GroupError, Joined } from "./group.ts";
import { ask, connectionError, protocolError, theCluster } from "./requests.ts";

export type ConsumerSettings = {
  readonly groupId: string;
  readonly sessionTimeout: number;
  readonly heartbeatInterval: number;
  readonly maxWaitTimeInMs: number;
  readonly partitionAssigners: readonly PartitionAssigner[];
};

type EachBatch = (payload: EachBatchPayload) => Promise<void>;
type Events = "consumer.rebalancing" | "consumer.group_join" | "consumer.crash";
type Offsets = NonNullable<Parameters<EachBatchPayload["commitOffsetsIfNecessary"]>[0]>;
type Fetched = Assigned & { readonly messages: readonly StoredRecord[] };

let members = 0;
/** As kafkajs pauses before it asks again. */
const retryMs = 100;

/** A member of a group: joins, fetches, hands over, and joins again when the group meets anew. */
export function createConsumer(settings: ConsumerSettings) {
  const listeners = new Map<Events, (event: { payload: { error: Error } }) => void>();
  const { world, cluster } = theCluster();
  const group = cluster.group(settings.groupId);
  members += 1;
  const memberId = `${actors.getStore()?.name}#${members}`;
  const positions = new Map<string, bigint>();
  const paused = new Set<string>();
  const assign = assignBy(settings.partitionAssigners[0], settings.groupId, cluster);
  let topics: readonly string[] = [];
  let joined: Joined = { generation: 0, assigned: [] };
  let isRunning = false;

  const emit = (event: Events, error = new Error(event)) => listeners.get(event)?.({ payload: { error } });

  async function join(): Promise<void> {
    const member = { id: memberId, topics, sessionMs: settings.sessionTimeout };
    joined = await ask<Joined>(
      () => `join ${settings.groupId}`,
      (_, { resolve }) => group.join(member, assign, resolve),
    );
    positions.clear();
    paused.clear();
    for (const place of joined.assigned) positions.set(nameOf(place), BigInt(group.offsets.get(nameOf(place)) ?? "0"));
    emit("consumer.group_join");
  }

  async function consume(eachBatch: EachBatch): Promise<void> {
    let beatAt = 0;
    while (isRunning) {
      try {
        if (world.now >= beatAt) await tell((gen) => group.heartbeat(memberId, gen), "heartbeat", joined.generation);
        beatAt = Math.max(beatAt, world.now) + settings.heartbeatInterval;
        const fetched = await fetch();
        if (!isRunning) return;
        await Promise.all(fetched.map((batch) => eachBatch(payloadOf(batch, joined.generation))));
      } catch (error) {
        if (!isRunning) return;
        if (isOfGroup(error)) {
          emit("consumer.rebalancing");
          await joinWhenPossible();
        } else if (world.random.chance(0.3)) {
          isRunning = false;
          emit("consumer.crash", error instanceof Error ? error : new Error(String(error)));
        } else await delay(retryMs);
      }
    }
  }

  async function joinWhenPossible(): Promise<void> {
    while (isRunning) {
      try {
        return await join();
      } catch {
        await delay(retryMs);
      }
    }
  }

  function fetch(): Promise<Fetched[]> {
    const wanted = joined.assigned.filter((place) => !paused.has(nameOf(place)));
    const from = new Map(wanted.map((place) => [nameOf(place), positions.get(nameOf(place)) ?? 0n]));
    return ask<Fetched[]>(
      () => `fetch from ${[...from.keys()].join(", ")}`,
      (_, { resolve, reject }) => {
        const look = () => wanted.flatMap((place) => readFrom(cluster, place, Number(from.get(nameOf(place)) ?? 0n)));
        const found = look();
        if (found.length > 0) return resolve(found);
        let isAnswered = false;
        const answer = () => {
          if (isAnswered) return;
          isAnswered = true;
          if (cluster.isDown) reject(connectionError());
          else resolve(look());
        };
        cluster.onNews(answer);
        world.later(settings.maxWaitTimeInMs, undefined, () => "a fetch waits no longer", answer);
      },
    );
  }

  function payloadOf({ topic, partition, messages }: Fetched, generation: number): EachBatchPayload {
    const place = nameOf({ topic, partition });
    return {
      batch: { topic, partition, messages, lastOffset: () => messages.at(-1)?.offset ?? "0" },
      resolveOffset(offset: string) {
        if (generation === joined.generation) positions.set(place, BigInt(offset) + 1n);
      },
      pause() {
        paused.add(place);
        return () => void paused.delete(place);
      },
      async commitOffsetsIfNecessary(offsets: Offsets) {
        await tell(
          (gen) => group.commit(memberId, gen, toMap(offsets)),
          `commit ${JSON.stringify(offsets)}`,
          generation,
        );
      },
    } as unknown as EachBatchPayload;
  }

  return {
    on(event: Events, listener: (event: { payload: { error: Error } }) => void) {
      listeners.set(event, listener);
    },
    connect: async () => undefined,
    async subscribe(wanted: { readonly topics: readonly string[] }) {
      topics = wanted.topics;
    },
    async run({ eachBatch }: { readonly eachBatch: EachBatch }) {
      isRunning = true;
      await join();
      void consume(eachBatch);
    },
    paused: () => [],
    resume: () => undefined,
    async disconnect() {
      isRunning = false;
      await ask<void>(
        () => `leave ${settings.groupId}`,
        (_, { resolve }) => resolve(group.leave(memberId)),
      );
    },
  };
}

/** Says something to the coordinator, and throws what it holds against it. */
function tell(say: (generation: number) => GroupError | undefined, what: string, generation: number): Promise<void> {
  return ask<void>(
    () => `${what} in generation ${generation}`,
    (_, { resolve, reject }) => {
      const fault = say(generation);
      if (fault === undefined) resolve();
      else reject(protocolError(fault));
    },
  );
}

function readFrom(cluster: Cluster, { topic, partition }: Assigned, offset: number): Fetched[] {
  const messages = cluster.topics.get(topic)?.[partition]?.slice(offset) ?? [];
  return messages.length === 0 ? [] : [{ topic, partition, messages }];
}

function isOfGroup(error: unknown): boolean {
  return error instanceof Error && error.name === "KafkaJSProtocolError";
}

function toMap({ topics }: Offsets): Map<string, string> {
  return new Map(
    topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }) => [nameOf({ topic, partition }), offset]),
    ),
  );
}

function nameOf({ topic, partition }: Assigned): string {
  return `${topic}/${partition}`;
}
