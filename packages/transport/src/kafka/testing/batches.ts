import { Consumer } from "@platformatic/kafka";
import { brokers } from "./shop.ts";

/** The record batches of a topic's only partition, as they came from the broker. */
export async function batchesIn(topic: string) {
  const consumer = new Consumer({ clientId: "stranger", groupId: "stranger", bootstrapBrokers: brokers });
  consumer.topics.track(topic);
  const { topics } = await consumer.metadata({ topics: [topic] });
  const { id: topicId = "", partitions = [] } = topics.get(topic) ?? {};
  const whole = {
    partition: 0,
    fetchOffset: 0n,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    partitionMaxBytes: 2 ** 20,
  };
  const node = partitions[0]?.leader ?? 0;
  const { responses } = await consumer.fetch({ node, topics: [{ topicId, partitions: [whole] }] });
  await consumer.close();
  return responses[0]?.partitions[0]?.records ?? [];
}
