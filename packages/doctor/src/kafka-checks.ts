import type { Fault } from "@throughline/service";
import type { Settings } from "@throughline/transport/topology";
import { type BrokerFacts, type Check, checkOf } from "./check.ts";
import { dayMs, forgetfulness } from "./days.ts";

/** The reason beside a dead letter: texts of at most 5,375 bytes, and their names. */
const reasonBytes = 8 * 1_024;

/** Checks that ask Kafka. */
export const checksOfKafka: readonly Check[] = [
  checkOf(
    "kafka",
    {
      id: "kafka-copies",
      name: "In production each message has three copies.",
      severity: "contradiction",
    },
    (facts, { config }) =>
      firstTopic(facts, (name, { replicationFactor = "" }) =>
        config.topology !== "production" || Number(replicationFactor) >= 3
          ? undefined
          : {
              settings: ["TOPOLOGY", `replication factor of ${name}`],
              conflict: `TOPOLOGY is production, and ${name} has ${replicationFactor} of 3 copies`,
              consequence: "a broker that is lost takes messages with it",
              fix: "Move its partitions with kafka-reassign-partitions.sh, or make the topic anew with npm run topology -- --apply",
            },
      ),
  ),
  checkOf(
    "kafka",
    {
      id: "kafka-confirmations",
      name: "A topic has more copies than must confirm a write, where it has several.",
      severity: "contradiction",
    },
    (facts) => firstTopic(facts, confirmationFault),
  ),
  checkOf(
    "kafka",
    {
      id: "kafka-unconfirmed",
      name: "Where there are three copies, two confirm a write: acks=all alone asks only those in sync.",
      severity: "contradiction",
    },
    (facts) =>
      firstTopic(facts, (name, { replicationFactor, "min.insync.replicas": least }) =>
        Number(replicationFactor) < 3 || Number(least) >= 2
          ? undefined
          : {
              settings: ["acks=all", `min.insync.replicas of ${name}`],
              conflict: `acks=all waits for the copies in sync, and min.insync.replicas of ${name} (${least}) lets that be the leader alone`,
              consequence: "a message that was confirmed is lost with one broker",
              fix: "npm run topology -- --apply sets it to 2",
            },
      ),
  ),
  checkOf(
    "kafka",
    {
      id: "kafka-offsets",
      name: "Kafka keeps the place of a group that is away for as long as it keeps the messages.",
      severity: "suspicion",
    },
    (facts) => {
      const keptMs = Number(facts.cluster["offsets.retention.minutes"]) * 60_000;
      return firstTopic(facts, (name, { "retention.ms": retentionMs }) =>
        name.endsWith(".DLT") || keptMs >= Number(retentionMs)
          ? undefined
          : {
              settings: ["offsets.retention.minutes", `retention.ms of ${name}`],
              conflict: `offsets.retention.minutes keeps the place of a group that is away for ${keptMs / dayMs} days, and retention.ms of ${name} its messages for ${Number(retentionMs) / dayMs}`,
              consequence:
                "a group that was away for longer begins with the oldest message; the inbox refuses what is older than it remembers",
              fix: `Set offsets.retention.minutes to ${Number(retentionMs) / 60_000} or more on every broker`,
            },
      );
    },
  ),
  checkOf(
    "kafka",
    {
      id: "kafka-dead-letter-topic",
      name: "What fails has a dead-letter topic to go to, with the partitions that the manifest gives it.",
      severity: "contradiction",
    },
    ({ found }) => {
      for (const [name, { declared, found: topic }] of found) {
        const origin = name.replace(/\.DLT$/, "");
        const partitions = topic?.partitions ?? "0";
        if (origin === name || !found.get(origin)?.found || Number(partitions) >= Number(declared.partitions)) continue;
        return {
          settings: [origin, name],
          conflict: `${origin} is there, and ${name} has ${partitions} of ${declared.partitions} partitions`,
          consequence:
            "a message that fails waits until its dead-letter topic is made, and nothing behind it is committed",
          fix: "npm run topology -- --apply makes it",
        };
      }
      return undefined;
    },
  ),
  checkOf(
    "kafka",
    {
      id: "kafka-dead-letter-size",
      name: "A dead letter fits into its topic: the message and the reason beside it.",
      severity: "contradiction",
    },
    (facts) =>
      firstTopic(facts, (name, { "max.message.bytes": room }) => {
        const message = facts.found.get(name.replace(/\.DLT$/, ""))?.found?.["max.message.bytes"];
        if (!name.endsWith(".DLT") || Number(room) >= Number(message ?? 0) + reasonBytes) return undefined;
        return {
          settings: [`max.message.bytes of ${name}`, `max.message.bytes of ${name.replace(/\.DLT$/, "")}`],
          conflict: `max.message.bytes of ${name} (${room}) is less than that of its topic (${message}) and ${reasonBytes} for the reason`,
          consequence: "a large message that fails cannot be set aside, and stops its partition",
          fix: "npm run topology -- --apply sets it to 2 MiB",
        };
      }),
  ),
  checkOf(
    "kafka",
    {
      id: "kafka-dead-letter-retention",
      name: "The inbox remembers a message for longer than its dead letter on Kafka can bring it again.",
      severity: "contradiction",
    },
    (facts, { database }) =>
      firstTopic(facts, (name, { "retention.ms": retentionMs }) =>
        name.endsWith(".DLT")
          ? forgetfulness(Number(retentionMs) / dayMs, `retention.ms of ${name}`, database?.inboxDays)
          : undefined,
      ),
  ),
];

function confirmationFault(name: string, found: Settings): Fault | undefined {
  const [copies, least] = [Number(found.replicationFactor), Number(found["min.insync.replicas"])];
  if (least < copies || (least === 1 && copies === 1)) return undefined;
  return {
    settings: [`min.insync.replicas of ${name}`, `replication factor of ${name}`],
    conflict: `min.insync.replicas of ${name} (${least}) leaves none of its ${copies} copies to spare`,
    consequence:
      least > copies ? "no message can be published to it" : "while one broker is away, nothing can be published to it",
    fix: "npm run topology -- --apply sets it as the manifest says",
  };
}

function firstTopic(
  { found }: BrokerFacts,
  judge: (name: string, settings: Settings) => Fault | undefined,
): Fault | undefined {
  for (const [name, topic] of found) {
    const fault = topic.found && judge(name, topic.found);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
