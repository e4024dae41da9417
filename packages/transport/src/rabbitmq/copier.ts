import { type NotConfirmed, type Outgoing, sendConfirmed, sendOne } from "./confirms.ts";
import { keepChannel, keepConnection } from "./connection.ts";
import type { Settings } from "./options.ts";

/** Resolves with undefined once the broker has the message in a queue, else with why it may not. */
export type Copier = AsyncDisposable & { send(message: Outgoing): Promise<NotConfirmed | undefined> };

/** What a copy still may take when its subscriber closes. */
const lastCopyMs = 2_000;
const notInTime: NotConfirmed = {
  refused: false,
  cause: new Error(`RabbitMQ did not confirm it within ${lastCopyMs} ms, and the subscriber closes`),
};

/**
 * Sends what takes the place of a message, over a connection of its own that is opened for the first: a broker that is
 * short of memory reads nothing more from a connection that publishes, and so no acknowledgement. That may last for hours,
 * for which nobody waits who is `closing`.
 */
export function createCopier(settings: Settings, closing: AbortSignal): Copier {
  let opened: ReturnType<typeof open> | undefined;
  return {
    send: (message) => unlessLate(copy(message), closing),
    async [Symbol.asyncDispose]() {
      if (opened) await (await opened)[Symbol.asyncDispose]();
    },
  };

  async function copy(message: Outgoing): Promise<NotConfirmed | undefined> {
    opened ??= open(settings);
    try {
      const send = await (await opened).channel.current();
      return await sendOne(send, message);
    } catch (error) {
      opened = undefined;
      throw error;
    }
  }
}

async function unlessLate(
  sent: Promise<NotConfirmed | undefined>,
  closing: AbortSignal,
): Promise<NotConfirmed | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<NotConfirmed>();
  let timer: NodeJS.Timeout | undefined;
  const hurry = () => {
    timer = setTimeout(resolve, lastCopyMs, notInTime);
  };
  if (closing.aborted) hurry();
  closing.addEventListener("abort", hurry);
  try {
    return await Promise.race([sent, late]);
  } finally {
    closing.removeEventListener("abort", hurry);
    clearTimeout(timer);
  }
}

async function open(settings: Settings) {
  await using opening = new AsyncDisposableStack();
  const connection = opening.use(await keepConnection(settings, "copies"));
  const prepare = async (channel: Parameters<typeof sendConfirmed>[0]) => sendConfirmed(channel);
  const channel = opening.use(await keepChannel(connection, prepare, settings.onError));
  const stack = opening.move();
  return { channel, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
