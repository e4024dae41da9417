import { AsyncLocalStorage } from "node:async_hooks";
import { type Envelope, newId, parseEnvelope, RejectedError, serializeEnvelope } from "@throughline/envelope";
import { createMemoryBroker } from "../memory.ts";
import type { Publisher, Subscriber, Subscription } from "../transport.ts";
import type { UnderTest } from "./bench.ts";
import { memoryUnderTest } from "./memory-under-test.ts";

export type BrokenTransport = {
  readonly fault: string;
  /** The names of the cases that must fail on it; others may fail as well. */
  readonly caughtBy: readonly string[];
  readonly connect: (namespace: string) => UnderTest;
};

const outside = AsyncLocalStorage.snapshot();
const crossing = createMemoryBroker();

/** The memory transport, broken in one way each. */
export const brokenTransports: readonly BrokenTransport[] = [
  {
    fault: "loses one message in a hundred",
    caughtBy: ["several hundred messages, published in calls side by side, arrive completely"],
    connect: withPublish((publish) => (envelopes) => publish(envelopes.filter((_, index) => index !== 57))),
  },
  {
    fault: "delivers twice",
    caughtBy: [
      "several hundred messages, published in calls side by side, arrive completely",
      "the members of a group share the work",
      "two subscribers and a publisher may declare the same at the same time",
    ],
    connect: withPublish((publish) => (envelopes) => publish([...envelopes, ...envelopes])),
  },
  {
    fault: "reverses what it is given",
    caughtBy: ["messages of one key come in order, one at a time"],
    connect: withPublish((publish) => (envelopes) => publish(envelopes.toReversed())),
  },
  {
    fault: "forgets the key",
    caughtBy: [
      "messages of one key come in order, one at a time",
      "a message that is tried again holds back the later ones of its key and no others",
      "the order of a key holds where several members share the work",
    ],
    connect(namespace) {
      const broker = createMemoryBroker();
      const publish = async (envelopes: readonly Envelope[]) => {
        for (const envelope of envelopes) {
          broker.publish(namespace, {
            type: envelope.type,
            key: newId(),
            headers: {},
            body: Buffer.from(serializeEnvelope(envelope)),
          });
        }
      };
      return breakPublisher(memoryUnderTest(namespace, broker), (publisher) => ({ ...publisher, publish }));
    },
  },
  {
    fault: "refuses to publish nothing",
    caughtBy: ["publishing nothing resolves"],
    connect: withPublish((publish) => async (envelopes) => {
      if (envelopes.length === 0) throw new Error("EmptyBatchRequest");
      await publish(envelopes);
    }),
  },
  {
    fault: "confirms what it has yet to send",
    caughtBy: ["what was published outlives its publisher"],
    connect: (namespace) =>
      breakPublisher(memoryUnderTest(namespace), (publisher) => {
        const unsent: Envelope[] = [];
        return {
          ...publisher,
          async publish(envelopes) {
            unsent.push(...envelopes);
            setImmediate(() => publisher.publish(unsent.splice(0)));
          },
          async [Symbol.asyncDispose]() {
            unsent.length = 0;
          },
        };
      }),
  },
  {
    fault: "replaces characters beyond ASCII",
    caughtBy: [
      "any characters survive to the byte, in the body as in the key",
      "a correlation id of any characters survives",
    ],
    connect: withPublish((publish) => (envelopes) => publish(envelopes.map(inPlainAscii))),
  },
  {
    fault: "loses bodies over 128 KiB",
    caughtBy: ["bodies of up to 200 KiB arrive whole"],
    connect: withPublish(
      (publish) => (envelopes) => publish(envelopes.filter((envelope) => serializeEnvelope(envelope).length < 131_072)),
    ),
  },
  {
    fault: "drops the trace context",
    caughtBy: ["the trace context travels, and goes on in what a handler creates"],
    connect: withPublish(
      (publish) => (envelopes) => publish(envelopes.map(({ traceparent, ...envelope }): Envelope => envelope)),
    ),
  },
  {
    fault: "ignores the namespace",
    caughtBy: ["two namespaces never meet"],
    connect: () => memoryUnderTest("everyone", crossing),
  },
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
  {
    fault: "stops at bytes that are no envelope",
    caughtBy: ["bytes that are no envelope are set aside, and the next message is handled"],
    connect: (namespace) =>
      breakSubscriber(memoryUnderTest(namespace), (subscriber) => ({
        ...subscriber,
        subscribe: ({ onFailure, ...subscription }) =>
          subscriber.subscribe({
            ...subscription,
            async onFailure(failure) {
              onFailure?.(failure);
              if (failure.envelope === undefined) await subscriber[Symbol.asyncDispose]();
            },
          }),
      })),
  },
  {
    fault: "keeps failures to itself",
    caughtBy: ["a handler that throws gets the same message again", "a rejected message is set aside at once"],
    connect: withSubscription(({ onFailure, ...subscription }) => subscription),
  },
  {
    fault: "keeps dead letters without their reason",
    caughtBy: [
      "a rejected message is set aside at once",
      "a message that fails every attempt is set aside, and its neighbours are handled",
      "bytes that are no envelope are set aside, and the next message is handled",
    ],
    connect: withDeadLetters(({ body }) => ({ body, reason: "" })),
  },
  {
    fault: "keeps dead letters in other bytes",
    caughtBy: [
      "a rejected message is set aside at once",
      "bytes that are no envelope are set aside, and the next message is handled",
    ],
    connect: withDeadLetters(({ body, reason }) => ({ body: Buffer.from(`${Buffer.from(body)} `), reason })),
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

function withPublish(change: (publish: Publisher["publish"]) => Publisher["publish"]) {
  return (namespace: string) =>
    breakPublisher(memoryUnderTest(namespace), (publisher) => ({ ...publisher, publish: change(publisher.publish) }));
}

function withSubscription(change: (subscription: Subscription) => Subscription) {
  return (namespace: string) => breakSubscription(memoryUnderTest(namespace), change);
}

function withHandler(change: (handler: Subscription["handler"]) => Subscription["handler"]) {
  return withSubscription(({ handler, ...subscription }) => ({ ...subscription, handler: change(handler) }));
}

type DeadLetters = Awaited<ReturnType<UnderTest["probe"]["deadLetters"]>>;

function withDeadLetters(change: (deadLetter: DeadLetters[number]) => DeadLetters[number]) {
  return (namespace: string): UnderTest => {
    const { transport, probe } = memoryUnderTest(namespace);
    return {
      transport,
      probe: { ...probe, deadLetters: async (...question) => (await probe.deadLetters(...question)).map(change) },
    };
  };
}

function breakPublisher({ transport, probe }: UnderTest, change: (publisher: Publisher) => Publisher): UnderTest {
  return {
    transport: { ...transport, connectPublisher: async () => change(await transport.connectPublisher()) },
    probe,
  };
}

function breakSubscriber({ transport, probe }: UnderTest, change: (subscriber: Subscriber) => Subscriber): UnderTest {
  return {
    transport: { ...transport, connectSubscriber: async () => change(await transport.connectSubscriber()) },
    probe,
  };
}

function breakSubscription(underTest: UnderTest, change: (subscription: Subscription) => Subscription): UnderTest {
  return breakSubscriber(underTest, (subscriber) => ({
    ...subscriber,
    subscribe: (subscription) => subscriber.subscribe(change(subscription)),
  }));
}

function inPlainAscii(envelope: Envelope): Envelope {
  return parseEnvelope(JSON.stringify(envelope).replace(/[^\x20-\x7e]/g, "?"));
}

/** What a broken transport does with an error. */
function forget(): void {}
