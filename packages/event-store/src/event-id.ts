import { v5, v7 } from "uuid";

const namespace = "5d1f1c1e-0b8e-5c5e-9a53-7f1f0c6f3a41";

/**
 * The UUIDv5 that always belongs to the event at `index` of those that this command causes in this stream; a command
 * may touch several streams. Without a command, a new UUIDv7.
 */
export function eventId(streamId: string, commandId: string | undefined, index: number): string {
  return commandId === undefined ? v7() : v5(`${commandId}\n${index}\n${streamId}`, namespace);
}
