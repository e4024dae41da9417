/** Stands in for the client library of the Kafka transport, in front of a simulated cluster. */
import type {
  Admin,
  CommittedOffset,
  KafkaLibrary,
  KafkaRecord,
  Producer,
} from "../../../../packages/transport/src/kafka/library.ts";
import type { Reply, What, World } from "../world.ts";
import type { Cluster } from "./cluster.ts";
import { joinGroup } from "./member.ts";

/** The cluster that all clients of this thread meet. */
export type Meeting = { readonly world: World; readonly cluster: Cluster; readonly ask: Ask };
/** A request to the cluster. Rejects like a broken connection while it is down. */
export type Ask = <Answer>(what: What, serve: (reply: Reply<Answer>) => void) => Promise<Answer>;

let present: Meeting | undefined;

export function enterCluster(world: World, cluster: Cluster): void {
  const ask: Ask = (what, serve) =>
    world.request(
      () => `kafka: ${what()}`,
      (reply) => {
        if (cluster.isDown) reply.reject(connectionError());
        else serve(reply);
      },
    );
  present = { world, cluster, ask };
}

/** Under the name by which the transport loads its library. */
export function kafkajs(): KafkaLibrary {
  if (present === undefined) throw new Error("Nobody has entered a cluster");
  const meeting = present;
  return {
    connectProducer: async () => createProducer(meeting),
    connectAdmin: async () => createAdmin(meeting),
    joinGroup: (membership) => joinGroup(meeting, membership),
  };
}

/** As a library throws it when a connection breaks; it says so of itself that trying again may help. */
export function connectionError(): Error {
  return Object.assign(new Error("The broker does not answer"), { retriable: true });
}

/** As a library throws what a broker answered: `MESSAGE_TOO_LARGE`. */
export function protocolError(type: string): Error {
  return Object.assign(new Error(`The broker says ${type}`), { type, retriable: false });
}

function createProducer({ cluster, ask }: Meeting): Producer {
  /** What one broker leads: a partition of each topic. */
  function sendTo(partition: number, records: readonly KafkaRecord[]): Promise<void> {
    return ask<void>(
      () => `produce ${records.map(({ topic, key }) => `${key} to ${topic}`).join(", ")}`,
      ({ resolve, reject }) => {
        const byTopic = Map.groupBy(records, ({ topic }) => topic);
        const outcomes = [...byTopic].map(([topic, own]) => cluster.append(topic, partition, own));
        if (outcomes.includes("refused")) reject(protocolError("MESSAGE_TOO_LARGE"));
        else if (outcomes.some((outcome) => outcome !== "taken")) reject(connectionError());
        else resolve();
      },
    );
  }

  return {
    async send(records) {
      const byBroker = Map.groupBy(records, cluster.partitionOf);
      const sent = await Promise.allSettled([...byBroker].map(([partition, own]) => sendTo(partition, own)));
      for (const one of sent) if (one.status === "rejected") throw one.reason;
    },
    close: async () => undefined,
  };
}

function createAdmin({ cluster, ask }: Meeting): Admin {
  return {
    listTopics: () =>
      ask<string[]>(
        () => "list topics",
        ({ resolve }) => resolve([...cluster.topics.keys()]),
      ),
    createTopics: (topics) =>
      ask<void>(
        () => "create topics",
        ({ resolve }) => {
          for (const { topic, numPartitions } of topics) cluster.create(topic, numPartitions);
          resolve();
        },
      ),
    haveLeaders: async () => true,
    async rangesOf(topic) {
      const partitions = cluster.topics.get(topic) ?? [];
      return new Map(partitions.map((log, partition) => [partition, { low: 0n, high: BigInt(log.length) }]));
    },
    committedBy: (groupId, topics) =>
      ask<CommittedOffset[]>(
        () => `read the offsets of ${groupId}`,
        ({ resolve }) => resolve(cluster.committedBy(groupId).filter(({ topic }) => topics.includes(topic))),
      ),
    close: async () => undefined,
    ...{ describeTopics: refuse, configureTopic: refuse, createPartitions: refuse, describeCluster: refuse },
  };
}

/** Nobody looks after the topics of a simulated cluster. */
function refuse(): Promise<never> {
  return Promise.reject(new Error("A simulated cluster has no settings"));
}
