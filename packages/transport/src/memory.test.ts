import { createMemoryBroker, memoryTransport } from "./memory.ts";
import { describeTransport, type UnderTest } from "./testing.ts";

describeTransport("memory", connectForTest);

const broker = createMemoryBroker();

function connectForTest(namespace: string): UnderTest {
  return {
    transport: memoryTransport({ namespace, broker }),
    probe: {
      publishRaw: async (type, bytes) =>
        broker.publish(namespace, { type, key: crypto.randomUUID(), body: Buffer.from(bytes) }),
      deadLetters: async (group, type) =>
        broker
          .group(namespace, group)
          .deadLetters.filter((deadLetter) => deadLetter.type === type)
          .map(({ body, reason }) => ({ body, reason: reason.message })),
    },
  };
}
