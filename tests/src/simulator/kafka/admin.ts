import type { ITopicConfig } from "kafkajs";
import { ask } from "./requests.ts";

export function createAdmin() {
  return {
    connect: async () => undefined,
    disconnect: async () => undefined,
    listTopics: () =>
      ask<string[]>(
        () => "list topics",
        ({ topics }, { resolve }) => resolve([...topics.keys()]),
      ),
    createTopics: ({ topics }: { readonly topics: readonly ITopicConfig[] }) =>
      ask<boolean>(
        () => "create topics",
        (cluster, { resolve }) => {
          for (const { topic, numPartitions = 1 } of topics) cluster.create(topic, numPartitions);
          resolve(true);
        },
      ),
    fetchTopicMetadata: ({ topics }: { readonly topics: readonly string[] }) =>
      ask<object>(
        () => "fetch metadata",
        (cluster, { resolve }) => {
          const partitionsOf = (topic: string) => cluster.topics.get(topic)?.map(() => ({ leader: 0 })) ?? [];
          resolve({ topics: topics.map((topic) => ({ topic, partitions: partitionsOf(topic) })) });
        },
      ),
  };
}
