import { setTimeout as delay } from "node:timers/promises";
import all, { type Admin } from "kafkajs";
import { type KafkaOptions, settingsOf } from "../kafka.ts";
import type { BrokerTopology, Demand, Look, Resource, Settings } from "../topology.ts";
import { share } from "./idle-closed.ts";
import { createClient, kafkajs } from "./kafkajs.ts";
import type { KafkaSettings } from "./settings.ts";
import { configOf, deadLetterTopicOf, ensureTopics, topicOf } from "./topics.ts";

// No named import: Node does not see this one in a CommonJS module.
const { ConfigResourceTypes } = all;
const seenWithinMs = 10_000;

/** Topics and their settings. Connects once, at the first call. */
export function openKafkaTopology(options: KafkaOptions, demand: Demand): BrokerTopology {
  const settings = settingsOf(options);
  const declared = declaredTopics(settings, demand);
  const admin = createClient(settings).admin();
  let connected: Promise<void> | undefined;
  const ask = async (): Promise<Admin> => {
    connected ??= admin.connect();
    await connected;
    return admin;
  };
  return {
    declared,
    look: async () => look(await ask(), declared, settings.namespace),
    async apply() {
      const names = declared.map(({ name }) => name);
      if (names.length > 0) await ensureTopics(share(kafkajs(settings).connectAdmin), settings, names);
      await change(await ask(), declared, settings.namespace);
    },
    cluster: async () => readCluster(await ask()),
    [Symbol.asyncDispose]: () => admin.disconnect(),
  };
}

/** The settings of the controller's broker, and how many brokers there are. */
async function readCluster(admin: Admin): Promise<Settings> {
  const { brokers, controller } = await admin.describeCluster();
  const name = String(controller ?? brokers[0]?.nodeId);
  const { resources } = await admin.describeConfigs({
    resources: [{ type: ConfigResourceTypes.BROKER, name, configNames: ["offsets.retention.minutes"] }],
    includeSynonyms: false,
  });
  const entries = resources.flatMap(({ configEntries }) => configEntries);
  const settings = entries.map(({ configName, configValue }) => [configName, configValue]);
  return { brokers: String(brokers.length), ...Object.fromEntries(settings) };
}

/** A topic for each type, and one for the dead letters of each that somebody here listens to. */
function declaredTopics(settings: KafkaSettings, { types, groups }: Demand): Resource[] {
  const topics = types.map((type) => topicOf(settings.namespace, type));
  const awaited = new Set(groups.flatMap((group) => group.types));
  const deadLetters = [...awaited].sort().map((type) => deadLetterTopicOf(topicOf(settings.namespace, type)));
  return [...topics, ...deadLetters].map((name) => {
    const { numPartitions, replicationFactor, configEntries = [] } = configOf(name, settings);
    const entries = configEntries.map((entry) => [entry.name, entry.value]);
    const counts = { partitions: String(numPartitions), replicationFactor: String(replicationFactor) };
    return { kind: "topic", name, settings: { ...counts, ...Object.fromEntries(entries) } };
  });
}

async function look(admin: Admin, declared: readonly Resource[], namespace: string): Promise<Look> {
  const existing = new Set(await admin.listTopics());
  const wanted = declared.map(({ name }) => name);
  const found = await readTopics(
    admin,
    wanted.filter((name) => existing.has(name)),
  );
  return {
    standings: declared.map((resource) => ({ declared: resource, found: found.get(resource.name) })),
    others: [...existing].filter((name) => name.startsWith(`${namespace}.`) && !wanted.includes(name)).sort(),
  };
}

async function readTopics(admin: Admin, names: readonly string[]): Promise<Map<string, Settings>> {
  if (names.length === 0) return new Map();
  const { topics } = await admin.fetchTopicMetadata({ topics: [...names] });
  const configs = await readConfigs(admin, names);
  return new Map(
    topics.map(({ name, partitions }) => {
      const copies = Math.min(...partitions.map(({ replicas }) => replicas.length));
      const counts = { partitions: String(partitions.length), replicationFactor: String(copies) };
      return [name, { ...configs.get(name)?.values, ...counts }];
    }),
  );
}

type TopicConfig = { readonly values: Settings; readonly own: Settings };

/** The values in force, and those that the topic itself was given. */
async function readConfigs(admin: Admin, names: readonly string[]): Promise<Map<string, TopicConfig>> {
  const { resources } = await admin.describeConfigs({
    resources: names.map((name) => ({ type: ConfigResourceTypes.TOPIC, name })),
    includeSynonyms: false,
  });
  const topicsOwn = 1;
  return new Map(
    resources.map(({ resourceName, configEntries }) => {
      const pairs = (entries: typeof configEntries) =>
        Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]));
      const own = configEntries.filter(({ configSource }) => Number(configSource) === topicsOwn);
      return [resourceName, { values: pairs(configEntries), own: pairs(own) }];
    }),
  );
}

async function change(admin: Admin, declared: readonly Resource[], namespace: string): Promise<void> {
  const topics = await readStandings();
  const growing = topics.filter(({ settings, found }) => Number(found.partitions) < Number(settings.partitions));
  if (growing.length > 0) {
    const topicPartitions = growing.map(({ name, settings }) => ({ topic: name, count: Number(settings.partitions) }));
    await admin.createPartitions({ topicPartitions });
  }
  const differing = topics.filter(hasOtherConfigs);
  if (differing.length > 0) await alterConfigs(admin, differing);
  await seen();
  const impossible = topics.flatMap(whatKafkaCannotChange);
  if (impossible.length > 0) throw new Error(impossible.join("\n"));

  async function readStandings(): Promise<Topic[]> {
    const { standings } = await look(admin, declared, namespace);
    return standings.map(({ declared: { name, settings }, found = {} }) => ({ name, settings, found }));
  }

  /** The controller has answered; the brokers hear of it a moment later. */
  async function seen(): Promise<void> {
    const deadline = performance.now() + seenWithinMs;
    const isBehind = (topic: Topic) =>
      hasOtherConfigs(topic) || Number(topic.found.partitions) < Number(topic.settings.partitions);
    while ((await readStandings()).some(isBehind)) {
      if (performance.now() > deadline) throw new Error(`Kafka does not show the change after ${seenWithinMs} ms`);
      await delay(50);
    }
  }
}

type Topic = { readonly name: string; readonly settings: Settings; readonly found: Settings };

/** The request replaces all that a topic was given, so what others have set goes along. */
async function alterConfigs(admin: Admin, topics: readonly Topic[]): Promise<void> {
  const names = topics.map(({ name }) => name);
  const configs = await readConfigs(admin, names);
  await admin.alterConfigs({
    validateOnly: false,
    resources: topics.map(({ name, settings }) => {
      const wanted = { ...configs.get(name)?.own, ...Object.fromEntries(configsIn(settings)) };
      const configEntries = Object.entries(wanted).map(([entry, value]) => ({ name: entry, value }));
      return { type: ConfigResourceTypes.TOPIC, name, configEntries };
    }),
  });
}

function hasOtherConfigs({ settings, found }: Topic): boolean {
  return configsIn(settings).some(([name, value]) => found[name] !== value);
}

function configsIn(settings: Settings): [string, string][] {
  return Object.entries(settings).filter(([name]) => name !== "partitions" && name !== "replicationFactor");
}

function whatKafkaCannotChange({ name, settings, found }: Topic): string[] {
  const copies = `${name} has ${found.replicationFactor} copies of each partition instead of ${settings.replicationFactor}`;
  const partitions = `${name} has ${found.partitions} partitions instead of ${settings.partitions}`;
  return [
    ...(found.replicationFactor === settings.replicationFactor
      ? []
      : [`${copies}: move them with kafka-reassign-partitions.sh, which copies all data`]),
    ...(Number(found.partitions) > Number(settings.partitions)
      ? [`${partitions}, and Kafka takes none away: raise the number in the manifest`]
      : []),
  ];
}
