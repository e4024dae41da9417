/** `sendBatch` with acks=all, one batch after the other, of what fits into the relay's requests; nothing is read from anywhere. */
import { serializeEnvelope } from "@throughline/envelope";
import type { Measure } from "../harness/bench.ts";
import { measurePublish } from "../harness/measure-publish.ts";
import { envelopesOf } from "../harness/sample.ts";
import { clientOf, createTopic, messages, readIds, topicOf } from "./topic.ts";

const batchSize = 500;

export const measure: Measure = async (place) => {
  await createTopic(place);
  const topic = topicOf(place);
  const producer = clientOf(place).producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const records = envelopesOf(messages).map((envelope) => {
    const { id, type, version, source, key, correlationId } = envelope;
    const headers = { id, eventType: type, schemaVersion: version, source, correlationId };
    return { key, value: serializeEnvelope(envelope), headers };
  });
  const batches = Array.from({ length: messages / batchSize }, (_, index) =>
    records.slice(index * batchSize, (index + 1) * batchSize),
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
