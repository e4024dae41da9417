import { setTimeout } from "node:timers/promises";
import { newId } from "@throughline/envelope";
import type { ConfirmChannel, ConsumeMessage } from "amqplib";
import type { KeyQueue } from "../key-queue.ts";

export type HelpingsOptions = {
  readonly queue: string;
  /** Where the messages are worked on. */
  readonly works: KeyQueue;
  /** Messages in a helping, which is the broker's prefetch. */
  readonly concurrency: number;
};

/** How long all of a helping waits before there is another. */
const waitsMs = 50;
/** Helpings in hand at most. */
const mostHelpings = 10;

/**
 * Consumes a queue. What waits for its next attempt, or behind one of its key, needs no place among the handlers, and yet
 * counts for the prefetch, which no broker changes. So another consumer takes over then, with another helping, and there
 * is never more than one, for the sake of the order. The result cancels it; `lose` is told of what ends it.
 */
export async function takeHelpings(
  channel: ConfirmChannel,
  { queue, works, concurrency }: HelpingsOptions,
  seeThrough: (message: ConsumeMessage) => Promise<void>,
  lose: (error: Error) => void,
): Promise<() => Promise<void>> {
  let tag = "";
  let inHand = 0;
  let isOver = false;
  channel.on("close", () => end());
  // By the event and not by consumer: what is on its way when a consumer is cancelled, amqplib takes for an error.
  channel.removeAllListeners("delivery");
  channel.on("delivery", async (message) => {
    const isOfHelping = () => message.fields.consumerTag === tag;
    if (isOfHelping()) inHand += 1;
    await seeThrough(message).catch(lose);
    if (isOfHelping()) inHand -= 1;
  });
  await channel.prefetch(concurrency);
  await take();
  const ended = takeMore().catch(lose);
  return async () => {
    end();
    await ended;
    await channel.cancel(tag);
  };

  async function take(): Promise<void> {
    inHand = 0;
    tag = newId();
    const onCancel = () => lose(new Error(`RabbitMQ ended the consumer of ${queue}`));
    await channel.consume(queue, onCancel, { consumerTag: tag });
  }

  async function takeMore(): Promise<void> {
    const hasRoom = () => works.idle > 0 && inHand >= concurrency && works.size < mostHelpings * concurrency;
    for (;;) {
      let wantsMore = false;
      await works.until(() => {
        wantsMore = hasRoom();
        return wantsMore || isOver;
      });
      if (wantsMore) await setTimeout(waitsMs);
      if (isOver || !wantsMore) return;
      // Many a place is free for a moment only.
      if (!hasRoom()) continue;
      await channel.cancel(tag);
      if (isOver) return;
      await take();
    }
  }

  function end(): void {
    isOver = true;
    works.advance();
  }
}
