import {
  ConfigResourceTypes,
  type ConfigResourceTypeValue,
  IncrementalAlterConfigOperationTypes,
  Admin as KafkaAdmin,
} from "@platformatic/kafka";
import { codesOf } from "./errors.ts";
import type { Admin, Configs } from "./library.ts";
import { type ClientOptions, opened } from "./platformatic.ts";

const earliest = -2n;
const latest = -1n;
const { SET: set } = IncrementalAlterConfigOperationTypes;

export async function connectAdmin(options: ClientOptions): Promise<Admin> {
  const admin = new KafkaAdmin(options);
  await opened(admin, admin.metadata({ topics: [] }));
  return {
    listTopics: () => admin.listTopics(),
    async createTopics(topics) {
      for (const { topic, numPartitions: partitions, replicationFactor: replicas, configEntries } of topics) {
        try {
          await admin.createTopics({ topics: [{ topic, partitions, replicas }], configs: [...configEntries] });
        } catch (error) {
          if (!codesOf(error).includes("TOPIC_ALREADY_EXISTS")) throw error;
        }
      }
    },
    async haveLeaders(topics) {
      const metadata = await admin.metadata({ topics: [...topics], forceUpdate: true });
      return topics.every((topic) => metadata.topics.get(topic)?.partitions.every(({ leader }) => leader >= 0));
    },
    async rangesOf(topic) {
      const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true });
      const indexes = Array.from({ length: topics.get(topic)?.partitionsCount ?? 0 }, (_, partition) => partition);
      const offsetsAt = async (timestamp: bigint) => {
        const partitions = indexes.map((partitionIndex) => ({ partitionIndex, timestamp }));
        const [answer] = await admin.listOffsets({ topics: [{ name: topic, partitions }] });
        return new Map(answer?.partitions.map(({ partitionIndex, offset }) => [partitionIndex, offset]));
      };
      const [low, high] = await Promise.all([offsetsAt(earliest), offsetsAt(latest)]);
      return new Map(indexes.map((at) => [at, { low: low.get(at) ?? 0n, high: high.get(at) ?? 0n }]));
    },
    async committedBy(groupId, topics) {
      const [group] = await admin.listConsumerGroupOffsets({ groups: [groupId] });
      const asked = (group?.topics ?? []).filter(({ name }) => topics.includes(name));
      const all = asked.flatMap(({ name, partitions }) =>
        partitions.map((partition) => ({ ...partition, topic: name })),
      );
      return all
        .filter(({ committedOffset }) => committedOffset >= 0n)
        .map(({ topic, partitionIndex: partition, committedOffset: offset, metadata }) => ({
          ...{ topic, partition, offset },
          metadata: metadata ?? "",
        }));
    },
    async describeTopics(names) {
      const { topics } = await admin.metadata({ topics: [...names], forceUpdate: true });
      const configs = await configsOf(ConfigResourceTypes.TOPIC, names);
      return new Map(
        [...topics].map(([name, { partitions }]) => {
          const copies = Math.min(...partitions.map(({ replicas }) => replicas.length));
          return [name, { partitions: partitions.length, copies, configs: configs.get(name) ?? {} }];
        }),
      );
    },
    async configureTopic(resourceName, wanted) {
      const configs = Object.entries(wanted).map(([name, value]) => ({ name, value, configOperation: set }));
      const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName, configs }];
      await admin.incrementalAlterConfigs({ resources });
    },
    createPartitions: (name, count) => admin.createPartitions({ topics: [{ name, count }] }),
    async describeCluster(names) {
      const { brokers, controllerId } = await admin.metadata({ topics: [], forceUpdate: true });
      const configs = await configsOf(ConfigResourceTypes.BROKER, [String(controllerId)], names);
      return { brokers: String(brokers.size), ...configs.get(String(controllerId)) };
    },
    close: () => admin.close(),
  };

  async function configsOf(
    resourceType: ConfigResourceTypeValue,
    resources: readonly string[],
    names?: readonly string[],
  ): Promise<Map<string, Configs>> {
    const asked = names === undefined ? {} : { configurationKeys: [...names] };
    const found = await admin.describeConfigs({
      resources: resources.map((resourceName) => ({ resourceType, resourceName, ...asked })),
    });
    return new Map(
      found.map(({ resourceName, configs }) => [
        resourceName,
        Object.fromEntries(configs.map(({ name, value }) => [name, value ?? ""])),
      ]),
    );
  }
}
