import { expect } from "vitest";
import { ConcurrencyError, type Expectation } from "../index.ts";
import { append, upTo, versionsOf } from "./notes.ts";
import type { StoreCase } from "./suite.ts";

const writers = upTo(20);

/** Who writes at once, to a stream at this version, and how many of the twenty may win. */
const table: readonly { readonly expected: Expectation; readonly at: number; readonly winners: number }[] = [
  { expected: "any", at: 0, winners: 20 },
  { expected: "any", at: 1, winners: 20 },
  { expected: "no-stream", at: 0, winners: 1 },
  { expected: 0, at: 0, winners: 1 },
  { expected: "no-stream", at: 1, winners: 0 },
  { expected: "stream-exists", at: 0, winners: 0 },
  { expected: "stream-exists", at: 1, winners: 20 },
  { expected: 1, at: 1, winners: 1 },
];

export const raceCases: readonly StoreCase[] = table.map(({ expected, at, winners }) => ({
  name: `of twenty who expect ${expected} of a stream at version ${at} at once, ${winners} win and the others are told`,
  async run(store, id) {
    for (const version of upTo(at)) await append(store, id, ["before"], { expected: version - 1 });
    const outcomes = await Promise.allSettled(writers.map((n) => append(store, id, [`${n}a`, `${n}b`], { expected })));
    const won = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    const lost = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
    expect({ winners: won.length, losers: lost.length }).toEqual({ winners, losers: 20 - winners });
    for (const error of lost) {
      expect(error).toBeInstanceOf(ConcurrencyError);
      expect(error).toMatchObject({ streamId: id, expected });
    }
    expect(await versionsOf(store, id)).toEqual(upTo(at + 2 * winners));
    // The events of one writer stand side by side, wherever the others came.
    const history = await store.readStream(id, { after: at });
    expect(won.toSorted((a, b) => (a[0]?.version ?? 0) - (b[0]?.version ?? 0)).flat()).toEqual(history);
  },
}));
