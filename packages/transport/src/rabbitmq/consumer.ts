import type { ChannelModel, ConfirmChannel, ConsumeMessage } from "amqplib";
import type { KeyQueue } from "../key-queue.ts";
import { toError } from "../reason.ts";
import { keepChannel, waitAtMost } from "./connection.ts";
import type { KeptOpen, OnError } from "./keep-open.ts";
import type { Settings } from "./options.ts";

/** The channel that a message came over. */
export type Intake = {
  readonly channel: ConfirmChannel;
  /** False once the broker has taken back what was not acknowledged: it delivers all of that again. */
  readonly isOpen: () => boolean;
};

export type ConsumerOptions = {
  readonly queue: string;
  readonly declare: (channel: ConfirmChannel) => Promise<void>;
  /** Where its messages are worked on. Outlives the channel, so that a redelivery waits for the work still at its key. */
  readonly works: KeyQueue;
  /** Messages in a helping, which is the broker's prefetch. Where those in hand only wait, there is another helping. */
  readonly concurrency: number;
  /** How long the work in hand may take when the consumer leaves. */
  readonly patienceMs: number;
  /**
   * Called for each channel. What it returns sees a message through to its acknowledgement; where that rejects, the
   * broker takes back all that is not acknowledged.
   */
  readonly receive: (intake: Intake) => (message: ConsumeMessage) => Promise<void>;
  readonly onError: OnError;
};

const cancelMs = 2_000;
/** Helpings in hand at most. */
const mostHelpings = 10;

/** One channel, which is opened again with queue, bindings and consumer whenever it is lost or the consumer cancelled. */
export async function startConsumer(
  connection: KeptOpen<ChannelModel>,
  { consumers }: Pick<Settings, "consumers">,
  { queue, declare, works, concurrency, patienceMs, receive, onError }: ConsumerOptions,
): Promise<AsyncDisposable> {
  const channel = await keepChannel(connection, consume, onError);
  const consumer = { queue, works };
  consumers.add(consumer);
  return {
    async [Symbol.asyncDispose]() {
      const open = channel.now();
      if (open) await waitAtMost(cancelMs, open.cancel());
      await waitAtMost(patienceMs, works.stop());
      await channel[Symbol.asyncDispose]();
      consumers.delete(consumer);
    },
  };

  async function consume(channel: ConfirmChannel, lose: (error: Error) => void) {
    let isOpen = true;
    let isCancelled = false;
    channel.on("close", () => {
      isOpen = false;
      works.advance();
    });
    const seeThrough = receive({ channel, isOpen: () => isOpen });
    await declare(channel);
    await channel.prefetch(concurrency);
    let helping = await takeHelping();
    const ended = takeMore().catch((error: unknown) => lose(toError(error)));
    return {
      async cancel() {
        isCancelled = true;
        works.advance();
        await ended;
        await channel.cancel(helping.tag);
      },
    };

    async function takeHelping() {
      let inHand = 0;
      const { consumerTag } = await channel.consume(queue, async (message) => {
        if (message === null) return lose(new Error(`RabbitMQ ended the consumer of ${queue}`));
        inHand += 1;
        await seeThrough(message).catch(lose);
        inHand -= 1;
      });
      return { tag: consumerTag, isTaken: () => inHand >= concurrency };
    }

    /**
     * What waits for its next attempt, or behind one of its key, needs no place, and yet counts for the prefetch, which
     * no broker changes. So another consumer takes over, and there is never more than one, for the sake of the order.
     */
    async function takeMore(): Promise<void> {
      const isOver = () => !isOpen || isCancelled;
      const hasRoom = () => works.idle > 0 && helping.isTaken() && works.size < mostHelpings * concurrency;
      for (;;) {
        let wantsMore = false;
        await works.until(() => {
          wantsMore = hasRoom();
          return wantsMore || isOver();
        });
        if (isOver() || !wantsMore) return;
        await channel.cancel(helping.tag);
        if (isOver()) return;
        helping = await takeHelping();
      }
    }
  }
}
