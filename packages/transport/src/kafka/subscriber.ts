import { tellFailure, withDefaults } from "../subscription.ts";
import type { Subscriber } from "../transport.ts";
import { attemptsAt, type SetAside } from "./handling.ts";
import type { SharedAdmin } from "./idle-closed.ts";
import type { KafkaLibrary } from "./library.ts";
import { joinGroup } from "./member.ts";
import { deadLetterOf } from "./records.ts";
import type { Sender } from "./sender.ts";
import type { KafkaSettings } from "./settings.ts";
import { deadLetterTopicOf, ensureTopics, topicOf } from "./topics.ts";

const setAsideWithinMs = 10_000;

/** One member of the group per subscription, and one producer for the dead letters of all. */
export function createSubscriber(
  settings: KafkaSettings,
  library: KafkaLibrary,
  admin: SharedAdmin,
  sender: Sender,
): Subscriber {
  const members: Promise<AsyncDisposable>[] = [];
  let isClosed = false;

  return {
    async subscribe(incomplete) {
      if (isClosed) throw new Error("This subscriber is closed");
      const subscription = withDefaults(incomplete);
      const { group, types, concurrency } = subscription;
      const topics = types.map((type) => topicOf(settings.namespace, type));
      const setAside: SetAside = async (message, attempts, error) => {
        // What fails while this closes may fail because of that: whoever has the message next decides.
        if (isClosed) throw new Error("This subscriber closes, and the message comes again");
        await sender.send([deadLetterOf(message, group, attempts, error)], performance.now() + setAsideWithinMs);
      };
      const member = joinGroup({
        ...{ library, admin, group, topics, concurrency },
        groupId: topicOf(settings.namespace, group),
        sessionTimeoutMs: settings.sessionTimeoutMs,
        createTopics: () => ensureTopics(admin, settings, [...topics, ...topics.map(deadLetterTopicOf)]),
        prepare: (message, received) => attemptsAt(message, subscription, setAside, received),
        onError: (error) => tellFailure(subscription, { error, deadLettered: false }),
      });
      members.push(member);
      await member;
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      const joined = await Promise.allSettled(members);
      await Promise.all(
        joined.map(async (member) => member.status === "fulfilled" && member.value[Symbol.asyncDispose]()),
      );
      await sender.close();
    },
  };
}
