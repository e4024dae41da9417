import { describe } from "vitest";
import { brokers } from "./kafka/testing/shop.ts";
import { connectStranger } from "./kafka/testing/stranger.ts";
import { kafkaTransport } from "./kafka.ts";
import { describeTransport, type UnderTest } from "./testing.ts";

// With CI=true a missing broker is a failure.
describe.skipIf(brokers.length === 0 && process.env.CI !== "true")("on a real broker", () => {
  describeTransport("kafka", connectForTest, {
    lastNote: "not shown yet",
    line: "not shown yet",
    limit: "not shown yet",
    unroutable: "a topic keeps what nobody asked for",
    redeliveryToGroup: "every group reads the topic",
  });
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
