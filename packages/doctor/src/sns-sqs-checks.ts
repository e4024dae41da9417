import type { Fault } from "@throughline/service";
import type { Settings } from "@throughline/transport/topology";
import { type BrokerFacts, type Check, checkOf, type Scene } from "./check.ts";
import { clockFault } from "./clock.ts";
import { forgetfulness } from "./days.ts";

const daySeconds = 24 * 60 * 60;

/** Checks that ask SNS and SQS. */
export const checksOfSnsSqs: readonly Check[] = [
  checkOf(
    "snsSqs",
    {
      id: "sqs-visibility",
      name: "A queue as it is hides a message for at least six times as long as a handler may take.",
      severity: "contradiction",
    },
    onQueues((name, { found }, { config: { handlerTimeoutMs } }) =>
      Number(found.VisibilityTimeout) * 1_000 >= 6 * handlerTimeoutMs
        ? undefined
        : {
            settings: [`VisibilityTimeout of ${name}`, "HANDLER_TIMEOUT_MS"],
            conflict: `VisibilityTimeout of ${name} (${found.VisibilityTimeout}) is shorter than 6 × HANDLER_TIMEOUT_MS (${handlerTimeoutMs})`,
            consequence: "SQS hands out a message that is still being handled",
            fix: "npm run topology -- --apply sets it to SQS_VISIBILITY_TIMEOUT_SECONDS",
          },
    ),
  ),
  checkOf(
    "snsSqs",
    {
      id: "sqs-attempts",
      name: "SQS delivers a message at least as often as it is attempted.",
      severity: "contradiction",
    },
    onQueues((name, { declared, found }) =>
      Number(found.maxReceiveCount) >= Number(declared.maxReceiveCount)
        ? undefined
        : {
            settings: [`maxReceiveCount of ${name}`, "attempts of its group"],
            conflict: `maxReceiveCount of ${name} is ${found.maxReceiveCount}, and its group makes ${declared.maxReceiveCount} attempts`,
            consequence: "SQS sets messages aside before the last attempt, without a reason beside them",
            fix: "npm run topology -- --apply brings the two together",
          },
    ),
  ),
  checkOf(
    "snsSqs",
    {
      id: "sqs-dead-letter-queue",
      name: "What fails has a dead-letter queue to go to, and it is there.",
      severity: "contradiction",
    },
    onQueues((name, { declared: { deadLetterQueue = "" }, found }, _scene, facts) => {
      const isThere = facts.found.get(deadLetterQueue)?.found !== undefined;
      if (found.deadLetterQueue === deadLetterQueue && isThere) return undefined;
      return {
        settings: [`RedrivePolicy of ${name}`, deadLetterQueue],
        conflict: `RedrivePolicy of ${name} names ${found.deadLetterQueue}, and ${deadLetterQueue} is ${isThere ? "there" : "not there"}`,
        consequence: "a message that fails comes again and again until it expires, or goes where nobody looks",
        fix: "npm run topology -- --apply makes the queue and names it",
      };
    }),
  ),
  checkOf(
    "snsSqs",
    {
      id: "sqs-dead-letter-retention",
      name: "A dead-letter queue keeps a message for longer than its queue: its age counts from when it was sent.",
      severity: "contradiction",
    },
    onQueues((name, { declared: { deadLetterQueue = "" }, found }, { database }, facts) => {
      const deadLetters = facts.found.get(deadLetterQueue)?.found;
      if (deadLetters === undefined) return undefined;
      const [kept, waits] = [Number(deadLetters.MessageRetentionPeriod), Number(found.MessageRetentionPeriod)];
      const inDays = (seconds: number) => `${seconds / daySeconds} days`;
      if (kept >= waits)
        return forgetfulness(kept / daySeconds, `MessageRetentionPeriod of ${deadLetterQueue}`, database?.inboxDays);
      return {
        settings: [`MessageRetentionPeriod of ${deadLetterQueue}`, `MessageRetentionPeriod of ${name}`],
        conflict: `MessageRetentionPeriod of ${deadLetterQueue} (${inDays(kept)}) is less than that of ${name} (${inDays(waits)})`,
        consequence: "a message that waited for long and then failed expires before anybody has looked at it",
        fix: "npm run topology -- --apply sets it to 14 days, the most there is",
      };
    }),
  ),
  checkOf(
    "snsSqs",
    {
      id: "sns-admission",
      name: "A queue takes messages from every topic that its group listens to.",
      severity: "contradiction",
    },
    onQueues((name, { declared, found }) => {
      const refused = (declared.admits ?? "").split(" ").filter((topic) => !found.admits?.split(" ").includes(topic));
      if (refused.length === 0) return undefined;
      return {
        settings: [`Policy of ${name}`, "subscriptions of its group"],
        conflict: `Policy of ${name} does not admit ${refused.join(", ")}, to which its group listens`,
        consequence: "SNS may not deliver these messages: they are lost, or end in the queue of what was not delivered",
        fix: "npm run topology -- --apply adds the statement ThroughlineTopics",
      };
    }),
  ),
  checkOf(
    "snsSqs",
    {
      id: "sns-raw-delivery",
      name: "A queue gets a message as it was sent, and not wrapped into SNS's own JSON.",
      severity: "contradiction",
    },
    onSubscriptions((name, { RawMessageDelivery }) =>
      RawMessageDelivery === "true"
        ? undefined
        : {
            settings: [`RawMessageDelivery of ${name}`, "the form of an envelope"],
            conflict: `RawMessageDelivery of ${name} is ${RawMessageDelivery}, and an envelope is the whole body`,
            consequence: "each message that comes this way is no envelope, and is set aside",
            fix: "npm run topology -- --apply sets it to true",
          },
    ),
  ),
  checkOf(
    "snsSqs",
    {
      id: "sns-filter",
      name: "A filter asks for attributes that messages have: of the ten that AWS takes, four are sent.",
      severity: "contradiction",
    },
    onSubscriptions((name, { unsentFilters }) =>
      unsentFilters === ""
        ? undefined
        : {
            settings: [`FilterPolicy of ${name}`, "attributes of a message"],
            conflict: `FilterPolicy of ${name} asks for ${unsentFilters}, which no message has`,
            consequence: "SNS delivers nothing to this group, and tells nobody",
            fix: "Remove the filter, filter by eventType or schemaVersion, or set FilterPolicyScope to MessageBody",
          },
    ),
  ),
  checkOf(
    "snsSqs",
    {
      id: "sns-namespace",
      name: "A queue hears from the topics of its own namespace alone.",
      severity: "contradiction",
    },
    onQueues((name, { found: { foreignTopics } }, { config: { namespace } }) =>
      foreignTopics === ""
        ? undefined
        : {
            settings: [`subscriptions of ${name}`, "NAMESPACE"],
            conflict: `${name} is subscribed to ${foreignTopics}, and NAMESPACE is ${namespace}`,
            consequence: "what happens in another environment has its effects in this one",
            fix: "Delete these subscriptions, or give one of the environments another NAMESPACE",
          },
    ),
  ),
  checkOf(
    "snsSqs",
    { id: "clock-sqs", name: "The clocks of process and SQS agree.", severity: "suspicion" },
    ({ clockAheadMs = 0 }) => clockFault("SQS", clockAheadMs),
  ),
];

type Queue = { readonly declared: Settings; readonly found: Settings };
type JudgeQueue = (name: string, queue: Queue, scene: Scene, facts: BrokerFacts) => Fault | undefined;

/** The subscriptions of groups, as they are. What is missing is another check's affair. */
function onSubscriptions(judge: (name: string, found: Settings) => Fault | undefined) {
  return ({ found }: BrokerFacts): Fault | undefined => {
    for (const [name, subscription] of found) {
      const isMade = subscription.found !== undefined && "RawMessageDelivery" in subscription.declared;
      const fault = isMade ? judge(name, subscription.found) : undefined;
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
}

/** The queues of groups, as they are. What is missing is another check's affair. */
function onQueues(judge: JudgeQueue) {
  return (facts: BrokerFacts, scene: Scene): Fault | undefined => {
    for (const [name, { declared, found }] of facts.found) {
      if (found === undefined || !("maxReceiveCount" in declared)) continue;
      const fault = judge(name, { declared, found }, scene, facts);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
}
