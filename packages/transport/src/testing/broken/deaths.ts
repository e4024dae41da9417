import { createMemoryBroker, memoryTransport } from "../../memory.ts";
import { memoryUnderTest } from "../memory-under-test.ts";
import { type BrokenTransport, breakSubscription, forget, withHandler } from "./kit.ts";

const broker = createMemoryBroker();

/** Wrong about who holds a message while it is handled. */
export const brokenInDeaths: readonly BrokenTransport[] = [
  {
    fault: "gives a message to another while it is handled",
    caughtBy: ["a slow handler keeps its message"],
    connect(namespace) {
      const underTest = memoryUnderTest(namespace);
      const seen = new Set<string>();
      return breakSubscription(underTest, ({ handler, ...subscription }) => ({
        ...subscription,
        async handler(envelope) {
          if (seen.size < seen.add(envelope.id).size) {
            await using publisher = await underTest.transport.connectPublisher();
            await publisher.publish([envelope]);
          }
          await handler(envelope);
        },
      }));
    },
  },
  {
    fault: "sends again what it handled while it was frozen",
    caughtBy: ["a frozen subscriber loses its message to another, and does no harm when it goes on"],
    connect(namespace) {
      const underTest = memoryUnderTest(namespace, broker);
      const awake = memoryTransport({ namespace, broker });
      return breakSubscription(underTest, ({ handler, ...subscription }) => ({
        ...subscription,
        async handler(envelope) {
          let hasFrozen = false;
          const unwatch = underTest.line.watch(() => (hasFrozen = true));
          await handler(envelope);
          unwatch();
          if (!hasFrozen) return;
          await using publisher = await awake.connectPublisher();
          await publisher.publish([envelope]);
        },
      }));
    },
  },
  {
    fault: "acknowledges what a dying process has in hand",
    caughtBy: [
      "what a process had in hand when it died, another gets",
      "a frozen subscriber loses its message to another, and does no harm when it goes on",
      "a message that takes down whoever handles it is set aside after its attempts",
    ],
    connect: withHandler((handler) => async (envelope) => {
      handler(envelope).catch(forget);
    }),
  },
];
