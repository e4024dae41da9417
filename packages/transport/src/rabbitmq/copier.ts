import { type NotConfirmed, type Outgoing, sendConfirmed, sendOne } from "./confirms.ts";
import { keepChannel, keepConnection } from "./connection.ts";
import type { Settings } from "./options.ts";

/** Resolves with undefined once the broker has the message in a queue, else with why it may not. */
export type Copier = AsyncDisposable & { send(message: Outgoing): Promise<NotConfirmed | undefined> };

/**
 * Sends what takes the place of a message, over a connection of its own that is opened for the first: a broker that is
 * short of memory reads nothing more from a connection that publishes, and so no acknowledgement.
 */
export function createCopier(settings: Settings): Copier {
  let opened: ReturnType<typeof open> | undefined;
  return {
    async send(message) {
      opened ??= open(settings);
      try {
        const send = await (await opened).channel.current();
        return await sendOne(send, message);
      } catch (error) {
        opened = undefined;
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      if (opened) await (await opened)[Symbol.asyncDispose]();
    },
  };
}

async function open(settings: Settings) {
  await using opening = new AsyncDisposableStack();
  const connection = opening.use(await keepConnection(settings, "copies"));
  const prepare = async (channel: Parameters<typeof sendConfirmed>[0]) => sendConfirmed(channel);
  const channel = opening.use(await keepChannel(connection, prepare, settings.onError));
  const stack = opening.move();
  return { channel, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
