import { toError } from "../reason.ts";
import { retryDelayMs } from "../subscription.ts";
import type { DeadLetterRoad } from "../transport.ts";
import { within } from "./errors.ts";
import type { Shared, SharedAdmin } from "./idle-closed.ts";
import { letterOf, originalOf } from "./letter.ts";
import type { KafkaLibrary } from "./library.ts";
import { joinGroup } from "./member.ts";
import { headerOf } from "./records.ts";
import type { Sender } from "./sender.ts";
import type { KafkaSettings } from "./settings.ts";
import { deadLetterTopicOf, drainGroupOf, ensureTopics, topicOf } from "./topics.ts";

const concurrency = 10;
const firstRetryAfterMs = 1_000;
/** How long taking a letter may last before it is offered again, and so the longest that closing waits. */
const takeWithinMs = 10_000;
const redeliverWithinMs = 10_000;

/** Reads `….DLT` as a group of its own, past what other groups have set aside there, and commits what was taken. */
export function createDeadLetterRoad(
  settings: KafkaSettings,
  library: KafkaLibrary,
  admin: SharedAdmin,
  sender: Shared<Sender>,
): DeadLetterRoad {
  return {
    drain(group, types, take, onError = () => {}) {
      const topics = types.map((type) => deadLetterTopicOf(topicOf(settings.namespace, type)));
      return joinGroup({
        ...{ library, admin, group, topics, concurrency, onError },
        groupId: drainGroupOf(settings.namespace, group),
        sessionTimeoutMs: settings.sessionTimeoutMs,
        createTopics: () => ensureTopics(admin, settings, topics),
        prepare: (message) => async (tried) => {
          if (headerOf(message, "group") !== group) return undefined;
          try {
            await within(takeWithinMs, "Taking a letter", take(letterOf(message)));
            return undefined;
          } catch (thrown) {
            onError(toError(thrown));
            return { delayMs: retryDelayMs({ retryDelayMs: firstRetryAfterMs }, tried + 1) };
          }
        },
      });
    },
    redeliver: (letter) =>
      sender(`Sending ${letter.origin.name} again`, (kafka) =>
        kafka.send([originalOf(letter)], performance.now() + redeliverWithinMs),
      ),
  };
}
