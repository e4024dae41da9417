import { setTimeout } from "node:timers/promises";
import { type Handler, RejectedError } from "@throughline/envelope";
import type { Subscription } from "../../transport.ts";
import { memoryUnderTest } from "../memory-under-test.ts";
import {
  type BrokenTransport,
  breakPublisher,
  breakSubscriber,
  breakSubscription,
  forget,
  withSubscription,
} from "./kit.ts";

/** Per namespace, as a broker would keep it. */
const countsOf = new Map<string, Map<string, number>>();

/** Wrong about how often a message is tried, and about what comes before it is set aside. */
export const brokenInAttempts: readonly BrokenTransport[] = [
  {
    fault: "counts the attempts in the process that makes them",
    caughtBy: [
      "the attempts at a message are counted, whichever members make them",
      "a message that takes down whoever handles it is set aside after its attempts",
    ],
    connect: withSubscription((subscription) => countedIn(new Map(), subscription)),
  },
  {
    fault: "counts the attempts that failed, and not those that nobody survived",
    caughtBy: ["a message that takes down whoever handles it is set aside after its attempts"],
    connect: (namespace) =>
      breakSubscription(memoryUnderTest(namespace), (subscription) => countedIn(countsIn(namespace), subscription)),
  },
  {
    fault: "uses up an attempt at what it never began",
    caughtBy: ["what a leaving subscriber had not begun has lost no attempt"],
    connect(namespace) {
      const counts = countsIn(namespace);
      const counting = breakPublisher(memoryUnderTest(namespace), (publisher) => ({
        ...publisher,
        async publish(envelopes) {
          for (const { id } of envelopes) counts.set(id, 0);
          await publisher.publish(envelopes);
        },
      }));
      const broken = breakSubscription(counting, ({ handler, ...subscription }) => ({
        ...subscription,
        async handler(envelope) {
          if ((counts.get(envelope.id) ?? 0) >= (subscription.attempts ?? 3)) throw new RejectedError("used up");
          await handler(envelope);
        },
      }));
      return breakSubscriber(broken, (subscriber) => ({
        ...subscriber,
        async [Symbol.asyncDispose]() {
          for (const [id, count] of counts) counts.set(id, count + 1);
          await subscriber[Symbol.asyncDispose]();
        },
      }));
    },
  },
  {
    fault: "sits through the pause in a place of its own",
    caughtBy: ["messages that wait for their next attempt hold back no other key"],
    connect(namespace) {
      const underTest = memoryUnderTest(namespace);
      // At its end, a case heals all lines.
      const { promise: ended, resolve } = Promise.withResolvers<void>();
      underTest.line.watch(resolve);
      return breakSubscription(underTest, ({ handler, retryDelayMs = 1_000, ...subscription }) => ({
        ...subscription,
        retryDelayMs: 0,
        async handler(envelope) {
          try {
            await handler(envelope);
          } catch (error) {
            await Promise.race([setTimeout(retryDelayMs, undefined, { ref: false }), ended]);
            throw error;
          }
        },
      }));
    },
  },
  {
    fault: "sets aside without asking",
    caughtBy: [
      "a message is set aside only when that is noted, and until then what is behind it waits",
      "a message whose note cannot be kept comes again, also after its last attempt, and keeps its reason",
    ],
    connect: withSubscription(({ beforeDead, ...subscription }) => subscription),
  },
  {
    fault: "asks, and sets aside before it has the answer",
    caughtBy: [
      "a message is set aside only when that is noted, and until then what is behind it waits",
      "a message whose note cannot be kept comes again, also after its last attempt, and keeps its reason",
    ],
    connect: withSubscription(({ beforeDead, ...subscription }) => ({
      ...subscription,
      async beforeDead(...death) {
        beforeDead?.(...death).catch(forget);
      },
    })),
  },
];

function countsIn(namespace: string): Map<string, number> {
  const counts = countsOf.get(namespace) ?? new Map<string, number>();
  countsOf.set(namespace, counts);
  return counts;
}

function countedIn(counts: Map<string, number>, subscription: Subscription): Subscription {
  const { handler, attempts = 3 } = subscription;
  const counted: Handler = async (envelope) => {
    try {
      await handler(envelope);
    } catch (error) {
      const count = (counts.get(envelope.id) ?? 0) + 1;
      counts.set(envelope.id, count);
      throw count >= attempts ? new RejectedError("the last attempt failed", { cause: error }) : error;
    }
  };
  return { ...subscription, attempts: 1_000, handler: counted };
}
