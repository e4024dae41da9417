import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parsePurchases } from "./purchases.ts";

const sample = readFileSync(new URL("../data/cdnow-sample.txt", import.meta.url), "utf8");
const good = " 00004 0001 19970101  2   29.33\r\n";

test("the sample is read to the last line and cent", () => {
  const purchases = parsePurchases(sample);
  expect(purchases).toHaveLength(6_919);
  expect(purchases.reduce((sum, { cds }) => sum + cds, 0)).toBe(16_479);
  expect(purchases.reduce((sum, { amountInCents }) => sum + amountInCents, 0)).toBe(24_409_194);
  expect(new Set(purchases.map(({ customer }) => customer)).size).toBe(2_357);
  expect(purchases.filter(({ amountInCents }) => amountInCents === 0)).toHaveLength(8);
  expect(purchases[0]).toEqual({ line: 1, customer: "0001", date: "19970101", cds: 2, amountInCents: 2_933 });
});

test("lines that repeat an earlier one are purchases of their own", () => {
  const lines = sample.trimEnd().split("\r\n");
  expect(lines.length - new Set(lines).size).toBe(21);
  expect(parsePurchases(good + good)).toHaveLength(2);
});

test("lines may end in LF, and the last one without an end", () => {
  expect(parsePurchases(`${good}${good}`.replaceAll("\r", "").trimEnd())).toHaveLength(2);
});

test.each([
  ["00004 0001 19970101  2", "line 2:", "has 4 columns; write five"],
  ["", "line 2:", "has 0 columns"],
  ["4x 0001 19970101 2 29.33", "line 2, column 1 (id in the full set)", "write digits"],
  ["00004 0001 19970230 2 29.33", 'line 2, column 3 (date): "19970230"', "a day of the calendar"],
  ["00004 0001 19970101 0 29.33", "line 2, column 4 (CDs)", "from 1 to 1000000, or remove the line"],
  ["00004 0001 19970101 1.5 29.33", "line 2, column 4 (CDs)", "a whole number"],
  ["00004 0001 19970101 2 29.3", "line 2, column 5 (dollars)", "two digits of cents"],
  ["00004 0001 19970101 2 -29.33", "line 2, column 5 (dollars)", "such as 29.33"],
])("a bad line %j is named with its column and its mending", (line, place, fix) => {
  const parse = () => parsePurchases(`${good}${line}\r\n${good}`);
  expect(parse).toThrow(place);
  expect(parse).toThrow(fix);
});

test("all faults are told at once, and of many the first ten", () => {
  expect(() => parsePurchases("x\r\ny\r\n")).toThrow(/line 1.*\nline 2/);
  expect(() => parsePurchases("x\r\n".repeat(12))).toThrow("… and 2 more");
});

test("a file without a line is told as such", () => {
  expect(() => parsePurchases("")).toThrow("It is empty");
});
