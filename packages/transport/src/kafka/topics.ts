import { setTimeout as delay } from "node:timers/promises";
import { transient } from "./errors.ts";
import type { SharedAdmin } from "./idle-closed.ts";
import type { Admin, NewTopic } from "./library.ts";
import type { KafkaSettings } from "./settings.ts";

const dayMs = 24 * 60 * 60 * 1_000;
const leadersWithinMs = 8_000;

export function topicOf(namespace: string, type: string): string {
  return `${namespace}.${type}`;
}

/** Who takes what the group has set aside, away from Kafka. */
export function drainGroupOf(namespace: string, group: string): string {
  return `${topicOf(namespace, group)}.DLT`;
}

export function deadLetterTopicOf(topic: string): string {
  return `${topic}.DLT`;
}

/** Creates those that are missing and resolves once each partition of each has a leader. Creators may race. */
export async function ensureTopics(
  admin: SharedAdmin,
  settings: KafkaSettings,
  topics: readonly string[],
): Promise<void> {
  await admin(`Creating ${topics.join(", ")}`, async (kafka) => {
    const existing = new Set(await kafka.listTopics());
    const missing = topics.filter((topic) => !existing.has(topic));
    if (missing.length === 0) return;
    await kafka.createTopics(missing.map((topic) => configOf(topic, settings)));
    await waitForLeaders(kafka, missing);
  });
}

/** With what a topic is created; what is there already stays as it is. */
export function configOf(topic: string, settings: KafkaSettings): NewTopic {
  const { namespace, partitions, replicationFactor, topics } = settings;
  const minInsyncReplicas = { name: "min.insync.replicas", value: replicationFactor >= 3 ? "2" : "1" };
  if (!topic.endsWith(".DLT")) {
    const own = topics[topic.slice(namespace.length + 1)];
    const retention = { name: "retention.ms", value: String(own?.retentionMs ?? 7 * dayMs) };
    const numPartitions = own?.partitions ?? partitions;
    return { topic, numPartitions, replicationFactor, configEntries: [retention, minInsyncReplicas] };
  }
  const retention = { name: "retention.ms", value: String(14 * dayMs) };
  // A dead letter is its message and the reason: what fitted into the topic fits in here, too.
  const maxMessageBytes = { name: "max.message.bytes", value: String(2 * 1_024 * 1_024) };
  return { topic, numPartitions: 1, replicationFactor, configEntries: [retention, minInsyncReplicas, maxMessageBytes] };
}

async function waitForLeaders(kafka: Admin, topics: readonly string[]): Promise<void> {
  const deadline = performance.now() + leadersWithinMs;
  while (!(await haveLeaders(kafka, topics))) {
    if (performance.now() > deadline) throw transient(`No leaders for ${topics.join(", ")} yet`);
    await delay(50);
  }
}

async function haveLeaders(kafka: Admin, topics: readonly string[]): Promise<boolean> {
  // All topics, because to ask for one that the broker has not seen yet is an error.
  const known = new Set(await kafka.listTopics());
  return topics.every((topic) => known.has(topic)) && (await kafka.haveLeaders(topics));
}
