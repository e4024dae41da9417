import { AsyncLocalStorage } from "node:async_hooks";
import { newId, RejectedError } from "@throughline/envelope";
import { memoryUnderTest } from "../memory-under-test.ts";
import {
  type BrokenTransport,
  breakPublisher,
  breakSubscription,
  forget,
  withHandler,
  withSubscription,
} from "./kit.ts";

const outside = AsyncLocalStorage.snapshot();

/** Wrong about what becomes of a message that arrived. */
export const brokenHandling: readonly BrokenTransport[] = [
  {
    fault: "acknowledges before handling",
    caughtBy: [
      "a handler that throws gets the same message again",
      "a message that fails every attempt is set aside, and its neighbours are handled",
      "a subscriber that leaves ends what it has begun, and another member gets the rest",
      "the backlog counts what waits and what was set aside",
    ],
    connect: withHandler((handler) => async (envelope) => {
      handler(envelope).catch(forget);
    }),
  },
  {
    fault: "gives a new id to what it delivers again",
    caughtBy: ["a handler that throws gets the same message again"],
    connect: withHandler((handler) => {
      const seen = new Set<string>();
      return (envelope) => handler(seen.size === seen.add(envelope.id).size ? { ...envelope, id: newId() } : envelope);
    }),
  },
  {
    fault: "publishes a failed message to everyone again",
    caughtBy: ["a failure in one group is nothing to another"],
    connect(namespace) {
      const underTest = memoryUnderTest(namespace);
      return breakSubscription(underTest, ({ handler, ...subscription }) => ({
        ...subscription,
        async handler(envelope) {
          try {
            await handler(envelope);
          } catch {
            await using publisher = await underTest.transport.connectPublisher();
            await publisher.publish([envelope]);
          }
        },
      }));
    },
  },
  {
    fault: "tries a rejected message again",
    caughtBy: ["a rejected message is set aside at once"],
    connect: withHandler((handler) => (envelope) => {
      return handler(envelope).catch((error) => {
        throw error instanceof RejectedError ? new Error(error.message) : error;
      });
    }),
  },
  {
    fault: "tries for ever",
    caughtBy: ["a message that fails every attempt is set aside, and its neighbours are handled"],
    connect: withSubscription((subscription) => ({ ...subscription, attempts: 1_000 })),
  },
  {
    fault: "never tries again",
    caughtBy: [
      "a handler that throws gets the same message again",
      "a message that fails every attempt is set aside, and its neighbours are handled",
      "a handler over its time limit has failed",
    ],
    connect: withSubscription((subscription) => ({ ...subscription, attempts: 1 })),
  },
  {
    fault: "tries again at once",
    caughtBy: ["the next attempt comes after the pause"],
    connect: withSubscription((subscription) => ({ ...subscription, retryDelayMs: 0 })),
  },
  {
    fault: "waits for a handler without end",
    caughtBy: ["a handler over its time limit has failed"],
    connect: withSubscription((subscription) => ({ ...subscription, timeoutMs: 2 ** 31 - 1 })),
  },
  {
    fault: "loses the cause",
    caughtBy: [
      "what a handler creates names the message that caused it",
      "the trace context travels, and goes on in what a handler creates",
    ],
    connect: withHandler((handler) => (envelope) => outside(handler, envelope)),
  },
  {
    fault: "takes the publisher's cause for the message's",
    caughtBy: ["what a handler creates names the message that caused it"],
    connect(namespace) {
      let inPublisher = AsyncLocalStorage.snapshot();
      const broken = breakPublisher(memoryUnderTest(namespace), (publisher) => ({
        ...publisher,
        publish(envelopes) {
          inPublisher = AsyncLocalStorage.snapshot();
          return publisher.publish(envelopes);
        },
      }));
      return breakSubscription(broken, ({ handler, ...subscription }) => ({
        ...subscription,
        handler: (envelope) => inPublisher(handler, envelope),
      }));
    },
  },
];
