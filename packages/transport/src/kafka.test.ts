import { describe } from "vitest";
import { brokers, isSkipped } from "./kafka/testing/shop.ts";
import { connectStranger } from "./kafka/testing/stranger.ts";
import { kafkaTransport } from "./kafka.ts";
import { describeTransport, type UnderTest } from "./testing.ts";

describe.skipIf(isSkipped)("on a real broker", () => {
  describeTransport("kafka", connectForTest);
});

async function connectForTest(namespace: string): Promise<UnderTest> {
  const stranger = await connectStranger(brokers);
  return {
    transport: kafkaTransport({ brokers, namespace, partitions: 3 }),
    probe: {
      publishRaw: (type, bytes) => stranger.send(`${namespace}.${type}`, Buffer.from(bytes)),
      async deadLetters(_group, type, count) {
        const messages = await stranger.read(`${namespace}.${type}.DLT`, count);
        return messages.map(({ value, headers }) => ({
          body: value ?? Buffer.alloc(0),
          reason: String(headers?.errorMessage),
        }));
      },
    },
    dispose: async () => stranger[Symbol.asyncDispose](),
  };
}
