import { expect } from "vitest";
import { ConcurrencyError, type Expectation } from "../index.ts";
import { append, upTo, versionsOf } from "./notes.ts";
import type { StoreCase } from "./suite.ts";

/** How far the stream really is: missing, as the writer saw it, moved on since. */
const versions = { missing: 0, present: 1, moved: 2 };

type Appends = { readonly [Stream in keyof typeof versions]: boolean };

const table: readonly [Expectation, Appends][] = [
  ["any", { missing: true, present: true, moved: true }],
  ["no-stream", { missing: true, present: false, moved: false }],
  [0, { missing: true, present: false, moved: false }],
  ["stream-exists", { missing: false, present: true, moved: true }],
  [1, { missing: false, present: true, moved: false }],
  [2, { missing: false, present: false, moved: true }],
  [3, { missing: false, present: false, moved: false }],
];

const ofTable = table.flatMap(([expected, appends]) =>
  (["missing", "present", "moved"] as const).map((stream): StoreCase => {
    const outcome = appends[stream] ? "appends to" : "is refused by";
    return {
      name: `who expects ${expected} ${outcome} a stream that is ${stream}`,
      async run(store, id) {
        const actual = versions[stream];
        for (const version of upTo(actual)) await append(store, id, ["before"], { expected: version - 1 });
        const appending = append(store, id, ["a", "b"], { expected });
        if (appends[stream]) {
          expect((await appending).map(({ version }) => version)).toEqual([actual + 1, actual + 2]);
          expect(await versionsOf(store, id)).toEqual(upTo(actual + 2));
        } else {
          const error = await appending.catch((reason: unknown) => reason);
          expect(error).toBeInstanceOf(ConcurrencyError);
          expect(error).toMatchObject({ streamId: id, expected, actual });
          expect(await versionsOf(store, id)).toEqual(upTo(actual));
        }
      },
    };
  }),
);

export const expectationCases: readonly StoreCase[] = [
  ...ofTable,
  {
    name: "what is returned is what is read",
    async run(store, id) {
      const first = await append(store, id, ["a", "b"], { expected: "no-stream", metadata: { correlationId: "c" } });
      const second = await append(store, id, ["c"], { expected: 2 });
      expect(await store.readStream(id)).toEqual([...first, ...second]);
      expect(await store.readStream(id, { after: 1, limit: 1 })).toEqual([first[1]]);
      expect(first[0]).toMatchObject({ streamId: id, type: "noted", data: { text: "a" }, schemaVersion: 1 });
      expect(first[0]?.metadata).toEqual({ correlationId: "c" });
    },
  },
  {
    name: "no events append nothing, and create no stream",
    async run(store, id) {
      expect(await append(store, id, [], { expected: 7 })).toEqual([]);
      await append(store, id, ["a"], { expected: "no-stream" });
    },
  },
];
