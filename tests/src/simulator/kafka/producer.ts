import type { ICustomPartitioner, Message, TopicMessages } from "kafkajs";
import type { NewRecord, Outcome } from "./cluster.ts";
import { ask, connectionError, protocolError, theCluster } from "./requests.ts";

export type ProducerSettings = { readonly createPartitioner: ICustomPartitioner };

type Batch = { readonly topic: string; readonly partition: number; readonly records: NewRecord[] };

/** Sends each broker what is for the partitions that it leads; fails where any of it may not have arrived. */
export function createProducer({ createPartitioner }: ProducerSettings) {
  const choose = createPartitioner();

  function batchesOf(topicMessages: readonly TopicMessages[]): Batch[] {
    const batches = new Map<string, Batch>();
    for (const { topic, messages } of topicMessages) {
      const partitions = theCluster().cluster.topics.get(topic) ?? [];
      const partitionMetadata = partitions.map((_, partitionId) => ({ partitionId, leader: partitionId }) as never);
      for (const message of messages) {
        const partition = choose({ topic, partitionMetadata, message });
        const batch = batches.get(`${topic}/${partition}`) ?? { topic, partition, records: [] };
        batch.records.push(toRecord(message));
        batches.set(`${topic}/${partition}`, batch);
      }
    }
    return [...batches.values()];
  }

  return {
    connect: async () => undefined,
    disconnect: async () => undefined,
    async sendBatch({ topicMessages }: { readonly topicMessages: readonly TopicMessages[] }) {
      const byBroker = Map.groupBy(batchesOf(topicMessages), ({ partition }) => partition);
      const sent = [...byBroker.values()].map((batches) => send(batches));
      const outcomes = await Promise.allSettled(sent);
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
      return [...byBroker.values()].flat().map(({ topic, partition }) => ({ topicName: topic, partition }));
    },
  };
}

function send(batches: readonly Batch[]): Promise<void> {
  const what = () => `produce ${batches.map(({ topic, records }) => `${records.length} to ${topic}`).join(", ")}`;
  const messages = batches.filter(({ topic }) => !topic.endsWith(".DLT")).flatMap(({ records }) => records);
  theCluster().cluster.onSending(messages.map(({ key }) => key?.toString() ?? ""));
  return ask<void>(what, (cluster, { resolve, reject }) => {
    const outcomes = batches.map((batch): Outcome => cluster.append(batch.topic, batch.partition, batch.records));
    if (outcomes.includes("refused")) reject(protocolError("MESSAGE_TOO_LARGE"));
    else if (outcomes.some((outcome) => outcome !== "taken")) reject(connectionError());
    else resolve();
  });
}

function toRecord({ key, value, headers = {} }: Message): NewRecord {
  const toBuffer = (text: Buffer | string | null | undefined) => (text == null ? null : Buffer.from(text));
  return { key: toBuffer(key), value: toBuffer(value), headers: headers as NewRecord["headers"] };
}
