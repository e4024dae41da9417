import { expect, test } from "vitest";
import { createProgress } from "./progress.ts";

test("nothing is due before the first message has ended", () => {
  const progress = createProgress("40");
  progress.begin("40");
  expect(progress.due()).toBeUndefined();
});

test("only what lies before the first open message may be committed", () => {
  const progress = createProgress("40");
  for (const offset of ["40", "41", "42"]) progress.begin(offset);
  progress.end("41");
  expect(progress.due()).toBeUndefined();
  progress.end("40");
  expect(progress.due()).toBe("42");
  progress.end("42");
  expect(progress.due()).toBe("43");
});

test("offsets that the log has lost are passed over", () => {
  const progress = createProgress("7");
  for (const offset of ["7", "9"]) progress.begin(offset);
  progress.end("7");
  expect(progress.due()).toBe("9");
});

test("what was committed is not due again", () => {
  const progress = createProgress("40");
  progress.begin("40");
  progress.end("40");
  progress.committed("41");
  expect(progress.due()).toBeUndefined();
});

test("offsets beyond the numbers of JavaScript keep their value", () => {
  const progress = createProgress("9007199254740993");
  progress.begin("9007199254740993");
  progress.end("9007199254740993");
  expect(progress.due()).toBe("9007199254740994");
});
