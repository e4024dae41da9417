import { codesOf, within } from "./errors.ts";
import type { KafkaRecord, Producer } from "./library.ts";

/** Sends records, one call after the other, with acks=all, and creates the topics that it first sees. */
export type Sender = {
  /**
   * Resolves once the broker has all records. Rejects, at the latest by `deadline` on the clock of `performance.now()`,
   * where it may have none of them, or some.
   */
  send(records: readonly KafkaRecord[], deadline: number): Promise<void>;
  close(): Promise<void>;
};

export type SenderNeeds = {
  readonly connect: () => Promise<Producer>;
  readonly ensureTopics: (topics: readonly string[]) => Promise<void>;
};

const closeWithinMs = 5_000;

/** Resolves when connected, so that a wrong address or password shows at the start. */
export async function connectSender({ connect, ensureTopics }: SenderNeeds): Promise<Sender> {
  const knownTopics = new Set<string>();
  let turn: Promise<unknown> = Promise.resolve();
  let sound: Producer | undefined = await connect();

  return {
    send(records, deadline) {
      const sent = turn.then(() => sendInTurn(records, deadline));
      turn = Promise.allSettled([sent]);
      return sent;
    },
    async close() {
      await turn;
      const closing = sound?.close() ?? Promise.resolve();
      // Whatever was confirmed is confirmed: a broker that does not say goodbye is no failure.
      await Promise.allSettled([within(closeWithinMs, "Closing the producer", closing)]);
    },
  };

  async function sendInTurn(records: readonly KafkaRecord[], deadline: number): Promise<void> {
    try {
      await sendOnce(records, deadline);
    } catch (error) {
      if (!codesOf(error).includes("UNKNOWN_TOPIC_OR_PARTITION")) throw error;
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
    const connected = sound ? Promise.resolve(sound) : connect();
    sound = undefined;
    const sent = connected.then(async (producer) => {
      await createTopics(records);
      await producer.send(records);
      return producer;
    });
    try {
      sound = await within(timeoutMs, "Sending to Kafka", sent);
    } catch (error) {
      void endAfter(sent, connected);
      throw error;
    }
  }

  async function createTopics(records: readonly KafkaRecord[]): Promise<void> {
    const topics = new Set(records.map(({ topic }) => topic).filter((topic) => !knownTopics.has(topic)));
    if (topics.size === 0) return;
    await ensureTopics([...topics]);
    for (const topic of topics) knownTopics.add(topic);
  }
}

/** In the background: the library may still be trying, and whoever sent has its answer. */
async function endAfter(sent: Promise<unknown>, connected: Promise<Producer>): Promise<void> {
  await Promise.allSettled([sent]);
  await Promise.allSettled([connected.then((producer) => producer.close())]);
}
