import type { AppendOptions } from "../index.ts";
import type { EventStore } from "./event-store.ts";

/** Appends one event per text. */
export const append = (store: EventStore, streamId: string, texts: readonly string[], options: AppendOptions) =>
  store.appendToStream(
    streamId,
    "note",
    texts.map((text) => ({ type: "noted", data: { text } })),
    options,
  );

export async function versionsOf(store: EventStore, streamId: string): Promise<number[]> {
  return (await store.readStream(streamId)).map(({ version }) => version);
}

/** 1 to `count`: the versions of a stream that lost nothing and has no gap. */
export const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
