import { Socket } from "node:net";
import type { ChannelModel } from "amqplib";

/** So that a broker has something to do while the rest of a thousand messages is made. */
const mostTogether = 64;

/**
 * What is sent in one turn of the event loop leaves in few writes. amqplib makes a system call of each message, which
 * costs more than all else about it. It does not tell its socket in its types.
 */
export function writeTogether({ connection }: ChannelModel): void {
  const { stream } = connection as { readonly stream?: unknown };
  if (!(stream instanceof Socket)) return;
  const write = stream.write.bind(stream) as (...given: unknown[]) => boolean;
  let held = 0;
  const flush = () => {
    if (held === 0) return;
    held = 0;
    stream.uncork();
  };
  const corked = (...given: unknown[]) => {
    if (held === 0) {
      stream.cork();
      process.nextTick(flush);
    }
    held += 1;
    const hasRoom = write(...given);
    if (held === mostTogether) flush();
    return hasRoom;
  };
  Object.assign(stream, { write: corked });
}
