import { createEnvelope } from "@throughline/envelope";
import { expect, test } from "vitest";
import { nextBatches, toEntry } from "./batches.ts";

test("ten entries of one type make a batch", () => {
  const { batches, later } = nextBatches(
    Array.from({ length: 25 }, (_, n) => entry(`order-${n}`)),
    false,
  );
  expect(batches.map(({ length }) => length)).toEqual([10, 10, 5]);
  expect(later).toEqual([]);
});

test("each type has batches of its own", () => {
  const waiting = [entry("a"), entry("b", "order.cancelled"), entry("c"), entry("d", "order.cancelled")];
  expect(keysOf(nextBatches(waiting, false).batches)).toEqual([
    ["a", "c"],
    ["b", "d"],
  ]);
});

test("a batch stays within 256 KiB, attributes included", () => {
  const large = ["a", "b", "c", "d"].map((key) => entry(key, "order.created", 100_000));
  const { batches } = nextBatches(large, false);
  expect(keysOf(batches)).toEqual([
    ["a", "b"],
    ["c", "d"],
  ]);
  const [one] = large;
  expect(one?.bytes).toBeGreaterThan((one?.body.length ?? 0) + "eventTypeschemaVersioncorrelationId".length);
});

test("an entry that is too large for any call goes alone", () => {
  const waiting = [entry("a"), entry("b", "order.created", 300_000), entry("c")];
  expect(keysOf(nextBatches(waiting, false).batches)).toEqual([["a"], ["b"], ["c"]]);
});

test("entries of one key share a batch, in order, while it has room", () => {
  const waiting = [entry("a"), entry("a"), entry("b"), entry("a")];
  const { batches, later } = nextBatches(waiting, false);
  expect(batches).toEqual([waiting]);
  expect(later).toEqual([]);
});

test("an entry waits while one ahead of it in its key is in another batch", () => {
  const waiting = [entry("a"), entry("a", "order.cancelled"), entry("a"), entry("b", "order.cancelled")];
  const first = nextBatches(waiting, false);
  expect(keysOf(first.batches)).toEqual([["a"], ["b"]]);
  expect(first.later).toEqual(waiting.slice(1, 3));
  const second = nextBatches(first.later, false);
  expect(second.batches).toEqual([[waiting[1]]]);
  expect(second.later).toEqual([waiting[2]]);
});

test("on FIFO, no batch has two entries of one key", () => {
  const waiting = [entry("a"), entry("a"), entry("b"), entry("a")];
  const { batches, later } = nextBatches(waiting, true);
  expect(keysOf(batches)).toEqual([["a", "b"]]);
  expect(later).toEqual([waiting[1], waiting[3]]);
});

function entry(key: string, type = "order.created", bytes = 10) {
  return toEntry(createEnvelope({ type, version: "1", key, data: "x".repeat(bytes) }, { source: "test" }));
}

function keysOf(batches: ReturnType<typeof nextBatches>["batches"]): string[][] {
  return batches.map((batch) => batch.map(({ envelope }) => envelope.key));
}
