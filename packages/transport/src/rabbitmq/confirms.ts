import { type ConfirmChannel, IllegalOperationError, type Options } from "amqplib";
import { toError } from "../reason.ts";

export type Outgoing = {
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Buffer;
  readonly properties: Options.Publish;
};

export type NotConfirmed = {
  /** True where the broker said no to this message, or it fits into no AMQP frame; false where its fate is unknown. */
  readonly refused: boolean;
  readonly cause: Error;
};

/** Called once: with nothing when the broker has the message in a queue, else with why it may not. */
export type Settled = (notConfirmed: NotConfirmed | undefined) => void;

/** Never throws. `settled` may be called before it returns. */
export type Send = (message: Outgoing, settled: Settled) => void;

/** The size up to which every broker takes a message by default; one that is larger would close the channel under others. */
const mostBytes = 16 * 1_024 * 1_024;

/** Sends over a channel that nobody else publishes on. The message id tells which message comes back. */
export function sendConfirmed(channel: ConfirmChannel): Send {
  let isOpen = true;
  const returned: string[] = [];
  // First of the listeners, so that it is known when amqplib then fails what is outstanding.
  channel.prependListener("close", () => {
    isOpen = false;
  });
  // A message that no queue takes comes back, and is confirmed after that all the same.
  channel.on("return", ({ properties }) => returned.push(String(properties.messageId)));

  return ({ exchange, routingKey, content, properties }, settled) => {
    const settle = (error: unknown) => {
      const at = returned.indexOf(String(properties.messageId));
      if (at >= 0) {
        returned.splice(at, 1);
        const cause = new Error(`No queue takes ${routingKey} from ${exchange || "the default exchange"}`);
        settled({ refused: true, cause });
      } else if (error === null) settled(undefined);
      else settled({ refused: isOpen && !(error instanceof IllegalOperationError), cause: toError(error) });
    };
    if (content.length > mostBytes) {
      settled({
        refused: true,
        cause: new Error(`${content.length} bytes are more than the ${mostBytes} that RabbitMQ takes`),
      });
      return;
    }
    try {
      channel.publish(exchange, routingKey, content, { ...properties, mandatory: true, persistent: true }, settle);
    } catch (error) {
      settle(error);
    }
  };
}

/** The same for one message, as a promise that never rejects. */
export function sendOne(send: Send, message: Outgoing): Promise<NotConfirmed | undefined> {
  return new Promise((resolve) => send(message, resolve));
}
