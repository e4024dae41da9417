import { expect, test } from "vitest";
import { ConcurrencyError, retryOnConflict } from "./index.ts";

test.each([
  ["whoever comes second decides again", [conflict()], 2, "done"],
  ["whoever comes second twice is told", [conflict(), conflict()], 2, "expected no-stream"],
  ["any other failure is no conflict", [new Error("no money")], 1, "no money"],
])("%s", async (_, failures, times, outcome) => {
  let begun = 0;
  const told = retryOnConflict(async () => {
    const failure = failures[begun++];
    if (failure) throw failure;
    return "done";
  });
  expect(await told.catch((error: Error) => error.message)).toContain(outcome);
  expect(begun).toBe(times);
});

function conflict(): ConcurrencyError {
  return new ConcurrencyError("account-a-1", "no-stream", 1);
}
