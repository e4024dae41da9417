import { describe, expect, test } from "vitest";
import { withWorkshop } from "./testing/bench.ts";
import type { BrokenTransport } from "./testing/broken/kit.ts";
import { brokenTransports } from "./testing/broken-transports.ts";
import { memoryUnderTest } from "./testing/memory-under-test.ts";
import { casesWith } from "./testing/suite.ts";
import { suite } from "./testing.ts";

/** Enough for the sound memory transport, as the first tests show. */
const patienceMs = 5_000;
const kept = suite.filter(
  ({ name }) => name !== "a message that no group asked for is refused, and its neighbours arrive",
);

describe("the sound transport keeps, with as little patience as the broken ones get:", () => {
  for (const { name, run } of kept) test(name, () => withWorkshop(memoryUnderTest, patienceMs, run));
});

test("each promise is broken by some transport below", () => {
  const caughtBy = new Set(brokenTransports.flatMap(({ caughtBy }) => caughtBy));
  expect(suite.map(({ name }) => name).filter((name) => !caughtBy.has(name))).toEqual([]);
});

test("a case that is declined with nothing in its place is listed with the reason, and has nothing to run", () => {
  const declinable = suite.filter(({ exceptions }) =>
    exceptions?.some(({ key, instead }) => key === "line" && !instead),
  );
  const listed = casesWith({ line: "it goes through no line" });
  expect(listed).toHaveLength(suite.length);
  expect(declinable.length).toBeGreaterThan(5);
  expect(listed.filter(({ run }) => run === undefined)).toEqual(
    declinable.map(({ name }) => ({ name: `${name}, because it goes through no line` })),
  );
});

describe("the suite bites a transport that", () => {
  // All at the same time, because a case that fails does so when its patience is at an end.
  const bites = new Map<BrokenTransport, Promise<readonly string[]>>();

  for (const broken of brokenTransports) {
    test(`${broken.fault}; caught by: ${broken.caughtBy.join("; ")}`, async () => {
      if (bites.size === 0) for (const each of brokenTransports) bites.set(each, keptBy(each));
      expect(await bites.get(broken)).toEqual([]);
    });
  }
});

/** The cases that should have caught the fault, and did not. */
async function keptBy({ caughtBy, connect }: BrokenTransport): Promise<string[]> {
  const outcomes = await Promise.all(
    caughtBy.map(async (name) => {
      const run = suite.find((transportCase) => transportCase.name === name)?.run;
      if (run === undefined) return `The suite has no case "${name}"`;
      return withWorkshop(connect, patienceMs, run).then(
        () => name,
        () => [],
      );
    }),
  );
  return outcomes.flat();
}
