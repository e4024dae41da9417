import { expect } from "vitest";
import type { Expectation } from "../index.ts";
import { append, upTo, versionsOf } from "./notes.ts";
import type { StoreCase } from "./suite.ts";

const expectations: readonly Expectation[] = ["any", "no-stream", "stream-exists", 0, 1, 2, 3, 7];

export const repeatCases: readonly StoreCase[] = [
  {
    name: "a repeated command appends once and returns its first result, whatever it expects",
    async run(store, id) {
      const first = await append(store, id, ["a", "b"], { expected: "no-stream", commandId: "c-1" });
      await append(store, id, ["c"], { expected: 2, commandId: "c-2" });
      for (const expected of expectations) {
        expect(await append(store, id, ["a", "b"], { expected, commandId: "c-1" })).toEqual(first);
      }
      expect(await versionsOf(store, id)).toEqual([1, 2, 3]);
    },
  },
  {
    name: "a repeated command that would now cause other events returns those that it caused",
    async run(store, id) {
      const first = await append(store, id, ["a", "b"], { expected: "any", commandId: "c-1" });
      expect(await append(store, id, ["x", "y", "z"], { expected: "any", commandId: "c-1" })).toEqual(first);
      expect(await versionsOf(store, id)).toEqual([1, 2]);
    },
  },
  ...(["any", "no-stream", 0] as const).map(
    (expected): StoreCase => ({
      name: `a command that expects ${expected} and is told twenty times at once appends once, and all get its result`,
      async run(store, id) {
        const tell = () => append(store, id, ["a", "b"], { expected, commandId: "c-1" });
        const results = await Promise.all(upTo(20).map(tell));
        for (const result of results) expect(result).toEqual(results[0]);
        expect(await store.readStream(id)).toEqual(results[0]);
      },
    }),
  ),
  {
    name: "ten commands told twice each, all at once, append once each",
    async run(store, id) {
      const tell = (command: number) => append(store, id, ["a"], { expected: "any", commandId: `c-${command}` });
      const results = await Promise.all([...upTo(10), ...upTo(10)].map(tell));
      expect(results.slice(10)).toEqual(results.slice(0, 10));
      expect(await versionsOf(store, id)).toEqual(upTo(10));
    },
  },
  {
    name: "a command that was refused is not remembered",
    async run(store, id) {
      const tell = (expected: Expectation) => append(store, id, ["a"], { expected, commandId: "c-1" });
      await expect(tell(1)).rejects.toThrow(`Stream ${id} is at version 0, expected 1`);
      expect(await tell("no-stream")).toMatchObject([{ version: 1 }]);
    },
  },
  {
    name: "one command may append to several streams",
    async run(store, id) {
      const streams = [`${id}-left`, `${id}-right`];
      for (const stream of streams) await append(store, stream, ["a"], { expected: "no-stream", commandId: "c-1" });
      expect(await Promise.all(streams.map((stream) => versionsOf(store, stream)))).toEqual([[1], [1]]);
    },
  },
];
