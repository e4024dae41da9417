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

/** Resolves with undefined once the broker has the message in a queue, else with why not. Never rejects. */
export type Send = (message: Outgoing) => Promise<NotConfirmed | undefined>;

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

  return ({ exchange, routingKey, content, properties }) => {
    const { promise, resolve } = Promise.withResolvers<NotConfirmed | undefined>();
    const settle = (error: unknown) => {
      const at = returned.indexOf(String(properties.messageId));
      if (at >= 0) {
        returned.splice(at, 1);
        resolve({
          refused: true,
          cause: new Error(`No queue takes ${routingKey} from ${exchange || "the default exchange"}`),
        });
      } else if (error === null) resolve(undefined);
      else resolve({ refused: isOpen && !(error instanceof IllegalOperationError), cause: toError(error) });
    };
    try {
      channel.publish(exchange, routingKey, content, { ...properties, mandatory: true, persistent: true }, settle);
    } catch (error) {
      settle(error);
    }
    return promise;
  };
}
