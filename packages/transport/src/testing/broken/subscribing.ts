import { type Envelope, newId } from "@throughline/envelope";
import type { Subscription } from "../../transport.ts";
import { memoryUnderTest } from "../memory-under-test.ts";
import { type BrokenTransport, breakPublisher, breakSubscriber, forget, withSubscription } from "./kit.ts";

/** Wrong about who gets what, and about coming and going. */
export const brokenSubscribing: readonly BrokenTransport[] = [
  {
    fault: "takes all groups for one",
    caughtBy: ["every group gets every message", "a failure in one group is nothing to another"],
    connect: withSubscription((subscription) => ({ ...subscription, group: "everyone" })),
  },
  {
    fault: "gives every member a copy",
    caughtBy: [
      "the members of a group share the work",
      "two subscribers and a publisher may declare the same at the same time",
      "what is published while a group is away waits for it",
    ],
    connect: withSubscription((subscription) => ({ ...subscription, group: `${subscription.group}.${newId()}` })),
  },
  {
    fault: "delivers types that nobody asked for",
    caughtBy: ["a group gets the types it asked for and no other"],
    connect: withSubscription((subscription) => ({ ...subscription, types: ["order.created", "order.cancelled"] })),
  },
  {
    fault: "knows no cap",
    caughtBy: ["as many handlers run at the same time as the cap allows, and no more"],
    connect: withSubscription((subscription) => ({ ...subscription, concurrency: 1_000 })),
  },
  {
    fault: "handles one message at a time",
    caughtBy: [
      "different keys are handled side by side",
      "as many handlers run at the same time as the cap allows, and no more",
    ],
    connect: withSubscription((subscription) => ({ ...subscription, concurrency: 1 })),
  },
  {
    fault: "says it has subscribed before it has",
    caughtBy: ["a message published right after the very first subscription arrives"],
    connect: (namespace) =>
      breakSubscriber(memoryUnderTest(namespace), (subscriber) => ({
        ...subscriber,
        async subscribe(subscription) {
          setImmediate(() => subscriber.subscribe(subscription));
        },
      })),
  },
  {
    fault: "keeps the last subscription only",
    caughtBy: ["one subscriber holds several subscriptions"],
    connect: (namespace) =>
      breakSubscriber(memoryUnderTest(namespace), (subscriber) => {
        let latest: Subscription["handler"] | undefined;
        return {
          ...subscriber,
          subscribe({ handler, ...subscription }) {
            latest = handler;
            const ifLatest = async (envelope: Envelope) => {
              if (latest === handler) await handler(envelope);
            };
            return subscriber.subscribe({ ...subscription, handler: ifLatest });
          },
        };
      }),
  },
  {
    fault: "refuses to declare what is being declared",
    caughtBy: ["two subscribers and a publisher may declare the same at the same time"],
    connect(namespace) {
      let isDeclaring = false;
      return breakSubscriber(memoryUnderTest(namespace), (subscriber) => ({
        ...subscriber,
        async subscribe(subscription) {
          if (isDeclaring) throw new Error("QueueDeletedRecently");
          isDeclaring = true;
          await subscriber.subscribe(subscription);
          isDeclaring = false;
        },
      }));
    },
  },
  {
    fault: "leaves without waiting for its handlers",
    caughtBy: ["a subscriber that leaves ends what it has begun, and another member gets the rest"],
    connect: (namespace) =>
      breakSubscriber(memoryUnderTest(namespace), (subscriber) => ({
        ...subscriber,
        async [Symbol.asyncDispose]() {
          subscriber[Symbol.asyncDispose]().then(forget, forget);
        },
      })),
  },
  {
    fault: "takes along what it has fetched when it leaves",
    caughtBy: [
      "a subscriber that leaves ends what it has begun, and another member gets the rest",
      "what is published while a group is away waits for it",
    ],
    connect(namespace) {
      const underTest = memoryUnderTest(namespace);
      return breakSubscriber(underTest, (subscriber) => ({
        ...subscriber,
        async [Symbol.asyncDispose]() {
          const hole = await underTest.transport.connectSubscriber();
          await hole.subscribe({ group: "billing", types: ["order.created"], handler: async () => {} });
          await subscriber[Symbol.asyncDispose]();
        },
      }));
    },
  },
  {
    fault: "opens again when it is closed",
    caughtBy: ["a publisher and a subscriber that are closed say so, and can be closed again"],
    connect: (namespace) =>
      breakPublisher(memoryUnderTest(namespace), (publisher) => ({ ...publisher, async [Symbol.asyncDispose]() {} })),
  },
  {
    fault: "sees no backlog",
    caughtBy: [
      "the backlog counts what waits and what was set aside",
      "what is published while a group is away waits for it",
    ],
    connect(namespace) {
      const { transport, probe } = memoryUnderTest(namespace);
      return { transport: { ...transport, backlog: async () => ({ waiting: 0, deadLetters: 0 }) }, probe };
    },
  },
];
