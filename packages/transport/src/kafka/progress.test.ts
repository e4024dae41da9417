import { expect, test } from "vitest";
import { readNote } from "./note.ts";
import { createProgress, type Due, type Progress } from "./progress.ts";

const nothing = { offset: 0n, metadata: "" };

test("only what lies before the first open message may be committed", () => {
  const progress = inHand([40n, 41n, 42n]);
  progress.end(41n);
  expect(commit(progress)?.offset).toBe(40n);
  progress.end(40n);
  expect(commit(progress)?.offset).toBe(42n);
  progress.end(42n);
  expect(commit(progress)?.offset).toBe(43n);
});

test("offsets that the log has lost are passed over", () => {
  const progress = inHand([7n, 9n]);
  progress.end(7n);
  expect(commit(progress)?.offset).toBe(9n);
});

test("what was committed is not due again", () => {
  const progress = inHand([40n]);
  progress.end(40n);
  commit(progress);
  expect(progress.due(false)).toBeUndefined();
});

test("offsets beyond the numbers of JavaScript keep their value", () => {
  const progress = inHand([9007199254740993n, 9007199254740994n]);
  progress.end(9007199254740993n);
  expect(commit(progress)?.offset).toBe(9007199254740994n);
});

test("a handler may begin only what a commit has announced", () => {
  const progress = inHand([40n, 41n]);
  expect(progress.begin(40n)).toBe(false);
  commit(progress);
  expect([progress.begin(40n), progress.begin(41n)]).toEqual([true, true]);
});

test("the busier a partition, the further ahead a commit announces, so that it is no bottleneck", () => {
  const offsets = Array.from({ length: 5_000 }, (_, n) => BigInt(n));
  const progress = inHand(offsets);
  let commits = 0;
  for (const offset of offsets) {
    if (!progress.begin(offset)) {
      commit(progress);
      commits += 1;
    }
    progress.end(offset);
  }
  expect(commits).toBeLessThan(15);
});

test("the next owner skips what has ended behind an open message", () => {
  const progress = inHand([40n, 41n, 42n, 43n]);
  progress.end(41n);
  progress.end(43n);
  const next = createProgress(40n, commit(progress, true));
  expect([40n, 41n, 42n, 43n].filter((offset) => next.take(offset))).toEqual([40n, 42n]);
});

test("the next owner goes on counting where the last one stopped", () => {
  const progress = inHand([40n, 41n]);
  progress.failed(41n);
  progress.failed(41n);
  const next = inHand([40n, 41n], commit(progress, true));
  expect([next.tried(40n), next.tried(41n)]).toEqual([0, 2]);
});

test("what was handed over is no suspect", () => {
  const progress = inHand([40n, 41n]);
  progress.begin(40n);
  const next = inHand([40n, 41n], commit(progress, true));
  expect([next.isSuspect(40n), next.isSuspect(41n)]).toEqual([false, false]);
});

test("what a member that died may have begun is suspect, and what it cannot is not", () => {
  const progress = inHand([40n, 41n]);
  progress.begin(40n);
  const left = commit(progress);
  const reach = readNote(40n, left.metadata)?.reach ?? 0n;
  const next = inHand([40n, reach - 1n, reach], left);
  expect([40n, reach - 1n, reach].map(next.isSuspect)).toEqual([true, true, false]);
});

test("whoever was handled alone when its member died has two deaths to its name", () => {
  const progress = inHand([40n, 41n], commitOf(inHand([40n, 41n])));
  progress.try(41n);
  const once = inHand([40n, 41n], commit(progress));
  expect([once.tried(40n), once.tried(41n)]).toEqual([0, 2]);
  once.try(41n);
  expect(inHand([40n, 41n], commit(once)).tried(41n)).toBe(3);
});

test("suspects whose turn has not come stay suspects when they are handed over", () => {
  const progress = inHand([40n, 41n], commitOf(inHand([40n, 41n])));
  progress.end(40n);
  const next = inHand([41n], commit(progress, true));
  expect(next.isSuspect(41n)).toBe(true);
});

test("a note that is not ours, or is too long, costs nothing but repetitions", () => {
  for (const metadata of ["", "{", "null", '{"v":2}', '"rack-1"', '{"v":1}']) {
    const progress = inHand([40n], { offset: 40n, metadata });
    expect([progress.open, progress.isSuspect(40n)]).toEqual([1, false]);
  }
  const offsets = Array.from({ length: 4_000 }, (_, n) => BigInt(n));
  const progress = inHand(offsets);
  for (const offset of offsets) if (offset % 2n === 1n) progress.end(offset);
  const left = commit(progress, true);
  expect(left.metadata.length).toBeLessThanOrEqual(4_096);
  const next = inHand(offsets, left);
  expect(next.open).toBeLessThan(4_000);
});

function inHand(offsets: readonly bigint[], left: Pick<Due, "offset" | "metadata"> = nothing): Progress {
  const progress = createProgress(offsets[0] ?? 0n, left);
  for (const offset of offsets) progress.take(offset);
  return progress;
}

function commit(progress: Progress, isLast = false): Due {
  const due = progress.due(isLast);
  if (due === undefined) throw new Error("Nothing is due");
  progress.committed(due);
  return due;
}

function commitOf(progress: Progress): Due {
  progress.begin(40n);
  return commit(progress);
}
