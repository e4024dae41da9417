import { expect, test } from "vitest";
import { formatTraceparent, isSampled, parseTraceparent } from "./traceparent.ts";

test("what was parsed is written the same", () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const parsed = parseTraceparent(traceparent);
  expect(parsed).toMatchObject({ traceFlags: 1, isRemote: true });
  expect(parsed && formatTraceparent(parsed)).toBe(traceparent);
});

test.each([
  undefined,
  "",
  "nonsense",
  "00-00000000000000000000000000000000-b7ad6b7169203331-01",
  "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
  "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
])("%s is no trace context", (traceparent) => {
  expect(parseTraceparent(traceparent)).toBeUndefined();
});

test("what is sampled is seen by the last bit, of a text as of its bytes", () => {
  for (const flags of ["00", "01", "02", "03", "0a", "0b", "0e", "0f"]) {
    const traceparent = `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-${flags}`;
    const isOdd = Number.parseInt(flags, 16) % 2 === 1;
    expect([isSampled(traceparent), isSampled(Buffer.from(traceparent))]).toEqual([isOdd, isOdd]);
  }
  expect([isSampled(undefined), isSampled(""), isSampled(Buffer.alloc(0))]).toEqual([false, false, false]);
});
