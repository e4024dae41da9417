/** `sendBatch` with acks=all, one batch after the other, each as large as the relay's; nothing is read from anywhere. */
import type { Measure } from "../harness/bench.ts";
import { measurePublish } from "../harness/measure-publish.ts";
import { portionsOf } from "../harness/sample.ts";
import { clientOf, createTopic, messages, readIds, topicOf } from "./topic.ts";

const batchSize = 500;

export const measure: Measure = async (place) => {
  await createTopic(place);
  const topic = topicOf(place);
  const producer = clientOf(place).producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const batches = Array.from(portionsOf(messages, batchSize), (samples) =>
    samples.map((sample) => ({
      key: sample.key,
      value: JSON.stringify(sample),
      headers: { id: sample.id, eventType: sample.type, schemaVersion: sample.version, source: "order-service" },
    })),
  );
  try {
    return await measurePublish(messages, {
      async publish() {
        for (const batch of batches)
          await producer.sendBatch({ topicMessages: [{ topic, messages: batch }], acks: -1 });
      },
      readIds: () => readIds(place),
    });
  } finally {
    await producer.disconnect();
  }
};
