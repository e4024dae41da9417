import { expect, test } from "vitest";
import { reasonOf, toError } from "./reason.ts";

test("the reason has the stacks of all causes", () => {
  const root = new TypeError("socket closed");
  const error = new Error("no answer", { cause: root });
  const { name, message, stack } = reasonOf(error);
  expect([name, message]).toEqual(["Error", "no answer"]);
  expect(stack).toMatch(/^Error: no answer\n[\s\S]*\nCaused by: TypeError: socket closed\n/);
});

test("an error that is its own cause has an end", () => {
  const error = new Error("round");
  error.cause = error;
  expect(reasonOf(error).stack).toMatch(/^Error: round\n/);
});

test("the reason fits into the headers of every broker", () => {
  const { message, stack } = reasonOf(new Error(`🛒\u0000\u001b[31m${"x".repeat(10_000)}`));
  expect(message).toMatch(/^\\ud83d\\uded2\\u0000\\u001b\[31mx+$/);
  expect([message.length, stack.length]).toEqual([1_024, 4_096]);
});

test("whatever was thrown is an error", () => {
  const error = new RangeError("one");
  expect(toError(error)).toBe(error);
  expect(toError("two").message).toBe("two");
  expect(toError(undefined).message).toBe("undefined");
});
