import { Socket } from "node:net";
import type { ChannelModel } from "amqplib";

/**
 * What is sent in one turn of the event loop leaves in one write. amqplib makes a system call of each message, which
 * costs more than all else about it. It does not tell its socket in its types.
 */
export function writeTogether({ connection }: ChannelModel): void {
  const { stream } = connection as { readonly stream?: unknown };
  if (!(stream instanceof Socket)) return;
  const write = stream.write.bind(stream) as (...given: unknown[]) => boolean;
  let isCorked = false;
  const uncork = () => {
    isCorked = false;
    stream.uncork();
  };
  const corked = (...given: unknown[]) => {
    if (!isCorked) {
      isCorked = true;
      stream.cork();
      process.nextTick(uncork);
    }
    return write(...given);
  };
  Object.assign(stream, { write: corked });
}
