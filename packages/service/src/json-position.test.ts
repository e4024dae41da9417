import { expect, test } from "vitest";
import { jsonErrorPosition } from "./json-position.ts";

test.each([
  ["abc", 0],
  ['{"a":1,}', 7],
  ["{a:1}", 1],
  ["[1,]", 3],
  ['{"a": tru}', 9],
  ['{"a":1} x', 8],
  ['{"a":"\n"}', 6],
  ['{"a":1', 6],
  ["", 0],
  [`{"long": "${"x".repeat(100)}", "a": 01}`, 119],
])("%j stops being JSON at position %d", (text, position) => {
  expect(jsonErrorPosition(text)).toBe(position);
});
