import { toError } from "../reason.ts";
import { type NotConfirmed, type Outgoing, sendConfirmed, sendOne } from "./confirms.ts";
import { keepChannel, keepConnection, waitAtMost } from "./connection.ts";
import type { Settings } from "./options.ts";

export type Copier = AsyncDisposable & {
  /** Never rejects. Resolves with undefined once the broker has the message in a queue, else with why it may not. */
  send(message: Outgoing): Promise<NotConfirmed | undefined>;
  /** Aborted when its subscriber closes. */
  readonly closing: AbortSignal;
};

/**
 * What a copy still may take when its subscriber closes. The broker may have the bytes of one that took longer, and read
 * them when it has memory again: then there is a dead letter, and the message itself comes again besides.
 */
const lastCopyMs = 2_000;
/** Longer than it takes to close a connection; one that is still being opened closes by itself. */
const closeMs = 5_000;
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
    closing,
    async [Symbol.asyncDispose]() {
      const closed = opened?.then((copies) => copies[Symbol.asyncDispose]());
      if (closed) await waitAtMost(closeMs, closed);
    },
  };

  async function copy(message: Outgoing): Promise<NotConfirmed | undefined> {
    opened ??= open(settings);
    try {
      const send = await (await opened).channel.current();
      return await sendOne(send, message);
    } catch (error) {
      opened = undefined;
      return { refused: false, cause: toError(error) };
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
