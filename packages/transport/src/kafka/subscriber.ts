import { withDefaults } from "../subscription.ts";
import type { Subscriber } from "../transport.ts";
import type { SharedAdmin } from "./admin.ts";
import type { KafkaSettings } from "./client.ts";
import { joinGroup, type Member } from "./consumer.ts";
import { deadLetterOf } from "./records.ts";
import type { Sender } from "./sender.ts";
import { deadLetterTopicOf, ensureTopics, topicOf } from "./topics.ts";

const setAsideWithinMs = 10_000;

/** One consumer per subscription, and one producer for the dead letters of all. */
export function createSubscriber(settings: KafkaSettings, admin: SharedAdmin, sender: Sender): Subscriber {
  const members: Promise<Member>[] = [];

  return {
    async subscribe(subscription) {
      const complete = withDefaults(subscription);
      const topics = complete.types.map((type) => topicOf(settings.namespace, type));
      const member = joinGroup(settings, complete, {
        createTopics: () => ensureTopics(admin, settings, [...topics, ...topics.map(deadLetterTopicOf)]),
        setAside: (position, attempts, error) =>
          sender.send([deadLetterOf(position, complete.group, attempts, error)], performance.now() + setAsideWithinMs),
      });
      members.push(member);
      await member;
    },
    async [Symbol.asyncDispose]() {
      const joined = await Promise.allSettled(members);
      await Promise.all(joined.map(async (member) => member.status === "fulfilled" && member.value.close()));
      await sender.close();
    },
  };
}
