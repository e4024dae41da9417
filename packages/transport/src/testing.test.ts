import { describe, expect, test } from "vitest";
import { withWorkshop } from "./testing/bench.ts";
import { brokenTransports } from "./testing/broken-transports.ts";
import { memoryUnderTest } from "./testing/memory-under-test.ts";
import { suite, type TransportCase } from "./testing.ts";

/** Enough for the sound memory transport, as the first test shows. */
const patienceMs = 1_000;

test("the sound transport keeps every promise, with as little patience as the broken ones get", async () => {
  for (const { run } of suite) await withWorkshop(memoryUnderTest, patienceMs, run);
});

test("each promise is broken by some transport below", () => {
  const caughtBy = new Set(brokenTransports.flatMap(({ caughtBy }) => caughtBy));
  expect(suite.map(({ name }) => name).filter((name) => !caughtBy.has(name))).toEqual([]);
});

describe.concurrent("the suite bites a transport that", () => {
  for (const { fault, caughtBy, connect } of brokenTransports) {
    test(fault, async () => {
      await Promise.all(
        caughtBy.map((name) => expect(withWorkshop(connect, patienceMs, caseNamed(name)), name).rejects.toThrow()),
      );
    });
  }
});

function caseNamed(name: string): TransportCase["run"] {
  const found = suite.find((transportCase) => transportCase.name === name);
  if (found === undefined) throw new Error(`The suite has no case "${name}"`);
  return found.run;
}
