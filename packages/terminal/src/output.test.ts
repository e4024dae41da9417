import { expect, test, vi } from "vitest";
import { momentOf, reasonOf, short, showProgress, table, toJson, when } from "./index.ts";

test("a table has columns as wide as their widest cell, and no colours where nobody looks", () => {
  const rows = [
    ["kafka", "12", "kept since Monday"],
    ["sns-sqs", "0", ""],
  ];
  expect(table(["destination", "waiting", "note"], rows)).toBe(
    ["destination  waiting  note", "kafka        12       kept since Monday", "sns-sqs      0        "].join("\n"),
  );
});

test("a program that reads along sees no progress", () => {
  const written = vi.spyOn(process.stderr, "write");
  using progress = showProgress(1_200, { isQuiet: true });
  progress.advanceTo(600);
  expect(written).not.toHaveBeenCalled();
});

test("a text is told in one line, and no longer than a line is", () => {
  expect(short("one\n  two")).toBe("one two");
  expect(short("x".repeat(200), 10)).toBe("xxxxxxxxx…");
});

test("a moment is for people in words and for programs in ISO 8601", () => {
  const moment = new Date("2026-02-28T14:30:05.678Z");
  expect(when(moment)).toBe("2026-02-28 14:30:05");
  expect(JSON.parse(toJson({ moment }))).toEqual({ moment: "2026-02-28T14:30:05.678Z" });
});

test.each(["", "17", "yesterday", "14:30", "2026-13-01"])("%j is no moment", (text) => {
  expect(momentOf(text)).toBeUndefined();
});

test("a day and a time are moments", () => {
  expect(momentOf("2026-02-28")).toEqual(new Date(Date.UTC(2026, 1, 28)));
  expect(momentOf("2026-02-28T14:30:00Z")).toEqual(new Date(Date.UTC(2026, 1, 28, 14, 30)));
});

test("an error is told with its causes, also one without words", () => {
  const silent = Object.assign(new AggregateError([]), { code: "ECONNREFUSED" });
  expect(reasonOf(new Error("no database", { cause: silent }))).toBe("no database: ECONNREFUSED");
  expect(reasonOf("thrown")).toBe("thrown");
});
