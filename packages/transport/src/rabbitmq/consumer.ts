import type { ChannelModel, ConfirmChannel, ConsumeMessage } from "amqplib";
import { acknowledge } from "./acknowledge.ts";
import { keepChannel, waitAtMost } from "./connection.ts";
import { type HelpingsOptions, takeHelpings } from "./helpings.ts";
import type { KeptOpen, OnError } from "./keep-open.ts";
import type { Settings } from "./options.ts";

/** The channel that a message came over. */
export type Intake = {
  readonly channel: ConfirmChannel;
  /** False once the broker has taken back what was not acknowledged: it delivers all of that again. */
  readonly isOpen: () => boolean;
  /** Acknowledges the message, if the channel is still there. The broker answers nothing. */
  readonly settle: (message: ConsumeMessage) => void;
  /** Resolves when the consumer has left and gets nothing more: what is given back then goes to another. */
  readonly left: Promise<void>;
};

/** `works` outlives the channel, so that a redelivery waits for the work that is still at its key. */
export type ConsumerOptions = HelpingsOptions & {
  /** As spans have it. */
  readonly group: string;
  readonly declare: (channel: ConfirmChannel) => Promise<void>;
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
/** One channel, which is opened again with queue, bindings and consumer whenever it is lost or the consumer cancelled. */
export async function startConsumer(
  connection: KeptOpen<ChannelModel>,
  { consumers }: Pick<Settings, "consumers">,
  { queue, group, declare, works, concurrency, patienceMs, receive, onError }: ConsumerOptions,
): Promise<AsyncDisposable> {
  const channel = await keepChannel(connection, consume, onError);
  const consumer = { queue, works };
  consumers.add(consumer);
  return {
    async [Symbol.asyncDispose]() {
      const stopped = works.stop();
      const open = channel.now();
      if (open) await waitAtMost(cancelMs, open.cancel());
      await waitAtMost(patienceMs, stopped);
      await channel[Symbol.asyncDispose]();
      consumers.delete(consumer);
    },
  };

  async function consume(channel: ConfirmChannel, lose: (error: Error) => void) {
    let isOpen = true;
    channel.on("close", () => {
      isOpen = false;
    });
    const { promise: left, resolve: leave } = Promise.withResolvers<void>();
    const place = { queue, group };
    const settle = (message: ConsumeMessage) => {
      if (isOpen) acknowledge(channel, message, place);
    };
    const seeThrough = receive({ channel, isOpen: () => isOpen, settle, left });
    await declare(channel);
    const cancel = await takeHelpings(channel, { queue, works, concurrency }, seeThrough, lose);
    return { cancel: () => cancel().then(leave) };
  }
}
