import { type Message, Partitioners, type Producer } from "kafkajs";
import type { SharedAdmin } from "./admin.ts";
import { createClient, type KafkaSettings, protocolErrorsOf, within } from "./client.ts";
import type { KafkaRecord } from "./records.ts";
import { ensureTopics } from "./topics.ts";

/** Sends records, one call after the other, with acks=all, and creates the topics that it first sees. */
export type Sender = {
  /**
   * Resolves once the broker has all records. Rejects, at the latest by `deadline` on the clock of `performance.now()`,
   * where it may have none of them, or some.
   */
  send(records: readonly KafkaRecord[], deadline: number): Promise<void>;
  close(): Promise<void>;
};

/** `chosen` are the partitions, by topic, that the records of the current call went to. */
type TrackedProducer = { readonly producer: Producer; readonly chosen: Map<string, Set<number>> };

const closeWithinMs = 5_000;

/** Resolves when connected, so that a wrong address or password shows at the start. */
export async function connectSender(settings: KafkaSettings, admin: SharedAdmin): Promise<Sender> {
  const knownTopics = new Set<string>();
  let turn: Promise<unknown> = Promise.resolve();
  let sound: TrackedProducer | undefined = createProducer(settings);
  await sound.producer.connect();

  return {
    send(records, deadline) {
      const sent = turn.then(() => sendInTurn(records, deadline));
      turn = Promise.allSettled([sent]);
      return sent;
    },
    async close() {
      await turn;
      const closing = sound?.producer.disconnect() ?? Promise.resolve();
      // Whatever was confirmed is confirmed: a broker that does not say goodbye is no failure.
      await Promise.allSettled([within(closeWithinMs, "Closing the producer", closing)]);
    },
  };

  async function sendInTurn(records: readonly KafkaRecord[], deadline: number): Promise<void> {
    try {
      await sendOnce(records, deadline);
    } catch (error) {
      if (!protocolErrorsOf(error).includes("UNKNOWN_TOPIC_OR_PARTITION")) throw error;
      knownTopics.clear();
      await sendOnce(records, deadline);
    }
  }

  /**
   * A producer that failed is not used again. kafkajs takes its sequence numbers back although the broker may have the
   * batch; the next batch would carry them again, be taken for a repetition, and be dropped without an error. It also
   * asks for every topic it ever saw, and fails for all when one was deleted.
   */
  async function sendOnce(records: readonly KafkaRecord[], deadline: number): Promise<void> {
    const timeoutMs = Math.ceil(deadline - performance.now());
    if (timeoutMs <= 0) throw new Error("Nothing was sent to Kafka, because what came before took all the time");
    const tracked = sound ?? createProducer(settings);
    sound = undefined;
    const work = createTopics(records).then(() => sendBatch(tracked, records));
    try {
      await within(timeoutMs, "Sending to Kafka", work);
      sound = tracked;
    } catch (error) {
      void endAfter(work, tracked.producer);
      throw error;
    }
  }

  async function createTopics(records: readonly KafkaRecord[]): Promise<void> {
    const topics = new Set(records.map(({ topic }) => topic).filter((topic) => !knownTopics.has(topic)));
    if (topics.size === 0) return;
    await ensureTopics(admin, settings, [...topics]);
    for (const topic of topics) knownTopics.add(topic);
  }
}

function createProducer(settings: KafkaSettings): TrackedProducer {
  const chosen = new Map<string, Set<number>>();
  const producer = createClient(settings).producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: () => {
      const choose = Partitioners.DefaultPartitioner();
      return (choice) => {
        const partition = choose(choice);
        chosen.get(choice.topic)?.add(partition);
        return partition;
      };
    },
  });
  return { producer, chosen };
}

async function sendBatch({ producer, chosen }: TrackedProducer, records: readonly KafkaRecord[]): Promise<void> {
  await producer.connect();
  const topicMessages = [...Map.groupBy(records, ({ topic }) => topic)].map(([topic, messages]) => ({
    topic,
    messages: messages.map(({ key, value, headers }): Message => ({ key, value, headers })),
  }));
  chosen.clear();
  for (const { topic } of topicMessages) chosen.set(topic, new Set());
  const answers = await producer.sendBatch({ acks: -1, topicMessages });
  // kafkajs asks each broker once: a partition that moves meanwhile to one that has answered is left out, unnoticed.
  for (const { topicName, partition } of answers) chosen.get(topicName)?.delete(partition);
  for (const [topic, [unanswered]] of chosen) {
    if (unanswered !== undefined) throw new Error(`Kafka did not answer for partition ${unanswered} of ${topic}`);
  }
}

/** In the background: kafkajs may still be trying, and whoever sent has its answer. */
async function endAfter(work: Promise<void>, producer: Producer): Promise<void> {
  await Promise.allSettled([work]);
  await Promise.allSettled([producer.disconnect()]);
}
