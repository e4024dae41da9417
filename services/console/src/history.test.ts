import { expect, test } from "vitest";
import { courseLine } from "./course-line.ts";
import { createHistory, notes } from "./history.ts";
import type { Snapshot } from "./snapshot.ts";

test("what waited is kept for ten minutes, with a gap where a service did not answer", () => {
  const history = createHistory();
  for (let nth = 1; nth <= notes + 2; nth += 1) history.note(nth === notes ? silent : waiting(nth));
  const course = history.of("outbox order kafka waiting");
  expect([course.length, course[0], course.at(-1), course.at(-3)]).toEqual([notes, 3, notes + 2, undefined]);
  expect(history.of("group order kafka waiting").at(-1)).toBe(7);
  expect(history.of("outbox order kafka oldest").at(-1)).toBe(50);
  expect(history.of("outbox billing kafka waiting")).toEqual([]);
});

test("a course ends at the right edge, is broken where nothing is known, and says the most that it was", () => {
  const { markup } = courseLine([1, 2, undefined, 4, 0], (value) => `${value} messages`);
  expect(markup).toContain('aria-label="at most 4 messages in the last ten minutes"');
  expect(markup).toContain('d="M115 18.0L116 12.0M118 0.0L119 24.0"');
  for (const course of [
    [undefined, 3],
    [0, 0, 0],
  ])
    expect(courseLine(course).markup).not.toContain("svg");
});

const address = { name: "order", url: "http://127.0.0.1:1" };
const silent: Snapshot = { at: 0, services: [{ ...address, isReady: false, reason: "no answer" }] };

function waiting(count: number): Snapshot {
  const nothing = { parked: 0, parkedKeys: 0, dead: 0, publishedTotal: 0 };
  const to = { destination: "kafka", waiting: count, oldestMs: 50, ...nothing };
  const counts = { handled: 0, duplicates: 0, failed: 0, deadLettered: 0, parked: 0, parkedKeys: 0, inFlight: 0 };
  const consumer = { group: "order", ...counts, roads: [{ road: "kafka", waiting: 7, deadLetters: 0 }] };
  const status = { pid: 1, uptimeSeconds: 1, rssBytes: 1, relay: [to], consumers: [consumer], deadLetters: [] };
  return { at: 0, services: [{ ...address, isReady: true, status }] };
}
