import { setTimeout } from "node:timers/promises";
import { createKeyQueue } from "../../key-queue.ts";
import { createMemoryBroker, createMemoryLine, memoryTransport } from "../../memory.ts";
import { PublishError } from "../../publish-error.ts";
import { toError } from "../../reason.ts";
import type { Subscription } from "../../transport.ts";
import { forever } from "../gate.ts";
import { memoryUnderTest } from "../memory-under-test.ts";
import { type BrokenTransport, breakSubscriber, forget, withPublish, withSubscription } from "./kit.ts";

const broker = createMemoryBroker();
const crowd = "fifty thousand messages wait at the broker and not in the subscriber, while its handlers are stuck";

/** Wrong when the line fails, or too much comes at once. */
export const brokenInAccidents: readonly BrokenTransport[] = [
  {
    fault: "takes a publish for done that got no answer",
    caughtBy: [
      "a publish rejects while the broker is away, and both ends go on when it is back",
      "a publish rejects that gets no answer, and both ends go on when there are answers again",
    ],
    connect: withPublish((publish) => (envelopes) => publish(envelopes).catch(forget)),
  },
  {
    fault: "waits without end for an answer",
    caughtBy: ["a publish rejects that gets no answer, and both ends go on when there are answers again"],
    connect: withPublish((publish) => (envelopes) => publish(envelopes).catch(forever)),
  },
  {
    fault: "names the part of a publish that failed, and not what it then left out",
    caughtBy: ["what a failed publish does not name, the broker has"],
    connect: withPublish((publish) => async (envelopes) => {
      for (let from = 0; from < envelopes.length; from += 10) {
        const part = envelopes.slice(from, from + 10);
        await setTimeout(1);
        await publish(part).catch((thrown) => {
          throw new PublishError(part.map(({ id }) => ({ id, refused: false, cause: toError(thrown) })));
        });
      }
    }),
  },
  {
    fault: "never comes back to a broker that was away",
    caughtBy: [
      "a subscriber that loses its connection goes on by itself, and misses nothing",
      "a publish rejects while the broker is away, and both ends go on when it is back",
      "a publish rejects that gets no answer, and both ends go on when there are answers again",
    ],
    connect(namespace) {
      const { transport, line, ...others } = memoryUnderTest(namespace, broker);
      const lost = createMemoryLine();
      line.watch(() => lost.cut());
      const { connectSubscriber } = memoryTransport({ namespace, broker, line: lost });
      return { ...others, line, transport: { ...transport, connectSubscriber } };
    },
  },
  {
    fault: "takes a broker that is away for one that refuses",
    caughtBy: ["whoever subscribes while the broker is away is told just that, and may when it is back"],
    connect: (namespace) =>
      breakSubscriber(memoryUnderTest(namespace), (subscriber) => ({
        ...subscriber,
        subscribe: (subscription) =>
          subscriber.subscribe(subscription).catch((cause) => {
            throw new Error("Refused", { cause });
          }),
      })),
  },
  {
    fault: "has no queue while its line is down",
    caughtBy: ["a subscriber that loses its connection goes on by itself, and misses nothing"],
    connect(namespace) {
      const underTest = memoryUnderTest(namespace, broker);
      const { types } = broker.group(namespace, "billing");
      const { line } = underTest;
      line.watch(() => (line.isUp ? types.add("order.created") : types.clear()));
      return underTest;
    },
  },
  {
    fault: "cannot be closed while the broker gives no answer",
    caughtBy: ["subscribers and publishers can be closed while the broker gives no answer"],
    connect(namespace) {
      const underTest = memoryUnderTest(namespace);
      const { line } = underTest;
      return breakSubscriber(underTest, (subscriber) => ({
        ...subscriber,
        async [Symbol.asyncDispose]() {
          const { promise: healed, resolve } = Promise.withResolvers<void>();
          line.watch(resolve);
          if (!line.isUp) await healed;
          await subscriber[Symbol.asyncDispose]();
        },
      }));
    },
  },
  {
    fault: "counts nothing where nobody answers",
    caughtBy: ["the backlog of a broker that gives no answer is an error, and no number"],
    connect(namespace) {
      const { transport, ...others } = memoryUnderTest(namespace);
      const backlog: typeof transport.backlog = (...question) =>
        transport.backlog(...question).catch(() => ({ waiting: 0, deadLetters: 0 }));
      return { ...others, transport: { ...transport, backlog } };
    },
  },
  {
    fault: "fetches ten thousand at a time",
    caughtBy: [crowd],
    connect: withSubscription(fetchAhead(10_000)),
  },
  {
    fault: "holds more than its line has brought",
    caughtBy: [crowd],
    connect: (namespace) => ({
      ...memoryUnderTest(namespace),
      transport: withSubscription(fetchAhead(10_000, 16_384))(namespace).transport,
    }),
  },
];

/** Each message with a buffer of its own around it. */
function fetchAhead(count: number, bufferBytes = 0) {
  return ({ concurrency = 10, handler, ...subscription }: Subscription): Subscription => {
    const places = createKeyQueue(concurrency);
    const inTurn: Subscription["handler"] = async (envelope) => {
      const buffer = Buffer.alloc(bufferBytes);
      await places.add(envelope.id, async () => {
        await handler(envelope);
        buffer.fill(0, 0, 1);
        return undefined;
      });
    };
    return { ...subscription, concurrency: count, handler: inTurn };
  };
}
