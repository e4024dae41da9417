import { setTimeout as delay } from "node:timers/promises";
import type { BrokerTopology, Demand, Look, Resource, Settings } from "../topology.ts";
import { within } from "./errors.ts";
import type { SharedAdmin } from "./idle-closed.ts";
import type { Admin, FoundTopic } from "./library.ts";
import { libraryOf } from "./library-of.ts";
import { type KafkaOptions, type KafkaSettings, settingsOf } from "./settings.ts";
import { configOf, deadLetterTopicOf, ensureTopics, topicOf } from "./topics.ts";

const seenWithinMs = 10_000;
const answerWithinMs = 20_000;

/** Topics and their settings. Connects once, at the first call. */
export function openKafkaTopology(options: KafkaOptions, demand: Demand): BrokerTopology {
  const settings = settingsOf(options);
  const declared = declaredTopics(settings, demand);
  const library = libraryOf(settings);
  let connected: Promise<Admin> | undefined;
  const admin: SharedAdmin = async (what, ask) => {
    connected ??= library.connectAdmin();
    return within(answerWithinMs, what, connected.then(ask));
  };
  return {
    declared,
    look: () => admin("Looking at topics", (kafka) => look(kafka, declared, settings.namespace)),
    async apply() {
      const names = declared.map(({ name }) => name);
      if (names.length > 0) await ensureTopics(admin, settings, names);
      await admin("Changing topics", (kafka) => change(kafka, declared, settings.namespace));
    },
    cluster: () => admin("Looking at the cluster", (kafka) => kafka.describeCluster(["offsets.retention.minutes"])),
    async [Symbol.asyncDispose]() {
      // Whoever asked was told, where it did not connect.
      await Promise.allSettled([connected?.then((kafka) => kafka.close())]);
    },
  };
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

async function look(kafka: Admin, declared: readonly Resource[], namespace: string): Promise<Look> {
  const existing = new Set(await kafka.listTopics());
  const wanted = declared.map(({ name }) => name);
  const known = wanted.filter((name) => existing.has(name));
  const topics = known.length > 0 ? await kafka.describeTopics(known) : new Map();
  return {
    standings: declared.map((resource) => ({ declared: resource, found: settingsIn(topics.get(resource.name)) })),
    others: [...existing].filter((name) => name.startsWith(`${namespace}.`) && !wanted.includes(name)).sort(),
  };
}

function settingsIn(topic: FoundTopic | undefined): Settings | undefined {
  if (topic === undefined) return undefined;
  const { partitions, copies, configs } = topic;
  return { ...configs, partitions: String(partitions), replicationFactor: String(copies) };
}

async function change(kafka: Admin, declared: readonly Resource[], namespace: string): Promise<void> {
  const topics = await readStandings();
  for (const { name, settings } of topics.filter(hasTooFewPartitions)) {
    await kafka.createPartitions(name, Number(settings.partitions));
  }
  for (const { name, settings } of topics.filter(hasOtherConfigs)) {
    await kafka.configureTopic(name, Object.fromEntries(configsIn(settings)));
  }
  await seen();
  const impossible = topics.flatMap(whatKafkaCannotChange);
  if (impossible.length > 0) throw new Error(impossible.join("\n"));

  async function readStandings(): Promise<Topic[]> {
    const { standings } = await look(kafka, declared, namespace);
    return standings.map(({ declared: { name, settings }, found = {} }) => ({ name, settings, found }));
  }

  /** The controller has answered; the brokers hear of it a moment later. */
  async function seen(): Promise<void> {
    const deadline = performance.now() + seenWithinMs;
    while ((await readStandings()).some((topic) => hasOtherConfigs(topic) || hasTooFewPartitions(topic))) {
      if (performance.now() > deadline) throw new Error(`Kafka does not show the change after ${seenWithinMs} ms`);
      await delay(50);
    }
  }
}

type Topic = { readonly name: string; readonly settings: Settings; readonly found: Settings };

function hasTooFewPartitions({ settings, found }: Topic): boolean {
  return Number(found.partitions) < Number(settings.partitions);
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
