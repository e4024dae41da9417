import { describe, expect, test } from "vitest";
import { attemptCases } from "./testing/attempt-cases.ts";
import { withWorkshop } from "./testing/bench.ts";
import { brokenTransports } from "./testing/broken-transports.ts";
import { deadLetterCases } from "./testing/dead-letter-cases.ts";
import { leaseCases } from "./testing/lease-cases.ts";
import { lineCases } from "./testing/line-cases.ts";
import { memoryUnderTest } from "./testing/memory-under-test.ts";
import { pressureCases } from "./testing/pressure-cases.ts";
import { suite, type TransportCase } from "./testing.ts";

/** Enough for the sound memory transport, as the first test shows. */
const patienceMs = 2_000;

describe("the sound transport keeps every promise, with as little patience as the broken ones get:", () => {
  for (const { name, run } of suite) test(name, () => withWorkshop(memoryUnderTest, patienceMs, run));
});

test("each promise is broken by some transport below", () => {
  const caughtBy = new Set(brokenTransports.flatMap(({ caughtBy }) => caughtBy));
  const unproven = [attemptCases, leaseCases, lineCases, pressureCases, deadLetterCases].flat();
  const proven = suite.filter((transportCase) => !unproven.includes(transportCase));
  expect(proven.map(({ name }) => name).filter((name) => !caughtBy.has(name))).toEqual([]);
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
