import all, { type ConfigEntries, type Kafka } from "kafkajs";
import type { Admin, Configs } from "./library.ts";

// No named import: Node does not see this one in a CommonJS module.
const { ConfigResourceTypes } = all;
type ConfigResourceTypes = (typeof ConfigResourceTypes)[keyof typeof ConfigResourceTypes];
/** Where a setting comes from: the topic itself was given it. */
const topicsOwn = 1;

export async function connectAdmin(client: Kafka): Promise<Admin> {
  const admin = client.admin();
  await admin.connect();
  return {
    listTopics: () => admin.listTopics(),
    async createTopics(topics) {
      const configs = topics.map((topic) => ({ ...topic, configEntries: [...topic.configEntries] }));
      await admin.createTopics({ topics: configs, waitForLeaders: false });
    },
    async haveLeaders(topics) {
      const metadata = await admin.fetchTopicMetadata({ topics: [...topics] });
      return metadata.topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0));
    },
    async rangesOf(topic) {
      const offsets = await admin.fetchTopicOffsets(topic);
      return new Map(offsets.map(({ partition, low, high }) => [partition, { low: BigInt(low), high: BigInt(high) }]));
    },
    async committedBy(groupId, topics) {
      const answer = await admin.fetchOffsets({ groupId, topics: [...topics] });
      const all = answer.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, ...partition })));
      return all
        .filter(({ offset }) => offset !== "-1")
        .map((one) => ({ ...one, offset: BigInt(one.offset), metadata: one.metadata ?? "" }));
    },
    async describeTopics(names) {
      const { topics } = await admin.fetchTopicMetadata({ topics: [...names] });
      const configs = await configsOf(ConfigResourceTypes.TOPIC, names);
      return new Map(
        topics.map(({ name, partitions }) => {
          const copies = Math.min(...partitions.map(({ replicas }) => replicas.length));
          return [name, { partitions: partitions.length, copies, configs: valuesOf(configs.get(name)) }];
        }),
      );
    },
    async configureTopic(name, wanted) {
      const configs = await configsOf(ConfigResourceTypes.TOPIC, [name]);
      // The request replaces all that a topic was given, so what others have set goes along.
      const given = configs.get(name)?.filter(({ configSource }) => Number(configSource) === topicsOwn);
      const entries = Object.entries({ ...valuesOf(given), ...wanted });
      const configEntries = entries.map(([entry, value]) => ({ name: entry, value }));
      const resources = [{ type: ConfigResourceTypes.TOPIC, name, configEntries }];
      await admin.alterConfigs({ validateOnly: false, resources });
    },
    async createPartitions(topic, count) {
      await admin.createPartitions({ topicPartitions: [{ topic, count }] });
    },
    async describeCluster(names) {
      const { brokers, controller } = await admin.describeCluster();
      const broker = String(controller ?? brokers[0]?.nodeId);
      const configs = await configsOf(ConfigResourceTypes.BROKER, [broker], names);
      return { brokers: String(brokers.length), ...valuesOf(configs.get(broker)) };
    },
    close: () => admin.disconnect(),
  };

  async function configsOf(type: ConfigResourceTypes, names: readonly string[], configNames?: readonly string[]) {
    const asked = configNames === undefined ? {} : { configNames: [...configNames] };
    const { resources } = await admin.describeConfigs({
      resources: names.map((name) => ({ type, name, ...asked })),
      includeSynonyms: false,
    });
    return new Map(resources.map(({ resourceName, configEntries }) => [resourceName, configEntries]));
  }
}

function valuesOf(entries: readonly ConfigEntries[] = []): Configs {
  return Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]));
}
