import { newId } from "@throughline/envelope";
import { createMemoryBroker, type MemoryBroker, memoryTransport } from "../memory.ts";
import type { UnderTest } from "./bench.ts";

const sharedBroker = createMemoryBroker();

/** The memory transport as the suite wants it; by default all namespaces are on one broker, as on any real one. */
export function memoryUnderTest(namespace: string, broker: MemoryBroker = sharedBroker): UnderTest {
  return {
    transport: memoryTransport({ namespace, broker }),
    probe: {
      publishRaw: async (type, bytes) => broker.publish(namespace, { type, key: newId(), body: Buffer.from(bytes) }),
      deadLetters: async (group, type) =>
        broker
          .group(namespace, group)
          .deadLetters.filter((deadLetter) => deadLetter.type === type)
          .map(({ body, reason }) => ({ body, reason: reason.message })),
    },
  };
}
