import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { type AppendOptions, ConcurrencyError, type Event, type RecordedEvent } from "../index.ts";
import type { EventStore } from "./event-store.ts";
import { createMemoryStore } from "./memory-store.ts";
import { suite } from "./suite.ts";

type Broken = (store: EventStore) => Partial<EventStore>;

/** A store whose every append is changed on its way in. */
const appending = (change: (options: AppendOptions) => AppendOptions): Broken => {
  return (store) => ({
    appendToStream: (streamId, type, events, options) => store.appendToStream(streamId, type, events, change(options)),
  });
};

const broken: Readonly<Record<string, Broken>> = {
  "that tests no expectation": appending((options) => ({ ...options, expected: "any" })),
  "that takes existing for being as expected": appending((options) =>
    typeof options.expected === "number" && options.expected > 0 ? { ...options, expected: "stream-exists" } : options,
  ),
  "that forgets commands": appending(({ commandId: _, ...options }) => options),
  "that forgets metadata": appending(({ metadata: _, ...options }) => options),
  "that tests first and writes later": (store) => ({
    async appendToStream<Told extends Event>(
      streamId: string,
      type: string,
      events: readonly Told[],
      options: AppendOptions,
    ): Promise<RecordedEvent<Told>[]> {
      const { expected } = options;
      const version = (await store.readStream(streamId)).length;
      await setImmediate();
      if (typeof expected === "number" && expected !== version) {
        throw new ConcurrencyError(streamId, expected, version);
      }
      const isChecked = typeof expected === "number";
      return store.appendToStream(streamId, type, events, { ...options, expected: isChecked ? "any" : expected });
    },
  }),
  "that closes nothing": () => ({ closeStream: async () => undefined }),
  "that closes whatever was expected": (store) => ({
    closeStream: (streamId) => store.closeStream(streamId, { expected: "stream-exists" }),
  }),
  "that forgets the commands of deciders": (store) => ({
    decide: (decider, id, command) => store.decide(decider, id, command),
  }),
  "that reads old events as they are": (store) => ({
    loadState: (decider, id) => store.loadState({ ...decider, upcasters: {} }, id),
  }),
  "that skips an event between pages": (store) => ({
    readEvents: ({ after, ...range }) => store.readEvents({ ...range, after: after === 0 ? 0 : after + 1 }),
  }),
  "that reads a stream from its start": (store) => ({ readStream: (streamId) => store.readStream(streamId) }),
};

test.each(Object.keys(broken))("a store %s fails the suite", async (name) => {
  const store = createMemoryStore();
  const worse = { ...store, ...broken[name]?.(store) };
  const runs = suite.map(({ run }, index) => run(worse, `e-${index}`));
  const outcomes = await Promise.allSettled(runs);
  expect(outcomes.filter(({ status }) => status === "rejected")).not.toEqual([]);
});

test("a sound store passes it", async () => {
  const store = createMemoryStore();
  await Promise.all(suite.map(({ run }, index) => run(store, `e-${index}`)));
});
