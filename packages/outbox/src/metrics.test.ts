import { type BatchObservableCallback, createNoopMeter, metrics, type Observable } from "@opentelemetry/api";
import { afterEach, expect, test } from "vitest";
import { observeRelay } from "./metrics.ts";
import type { DestinationStatus } from "./status.ts";

afterEach(() => metrics.disable());

const forgotten = { pid: 77, ageMs: 40_000, application: "psql", state: "idle in transaction", position: 1 };

test("a transaction that has ended is told to hold nothing back any more", async () => {
  expect(await heldBackAfter(forgotten, undefined)).toEqual({ "test 77 psql idle in transaction": 0 });
});

test("the transaction that holds back next is told beside the one that has ended", async () => {
  const other = { ...forgotten, pid: 78, ageMs: 2_000 };
  expect(await heldBackAfter(forgotten, other, other)).toEqual({
    "test 77 psql idle in transaction": 0,
    "test 78 psql idle in transaction": 2,
  });
});

test("a transaction that goes on holding back is told as it is now", async () => {
  expect(await heldBackAfter(forgotten, { ...forgotten, ageMs: 50_000 })).toEqual({
    "test 77 psql idle in transaction": 50,
  });
});

test("a transaction that ends within a second makes no series", async () => {
  expect(await heldBackAfter({ ...forgotten, ageMs: 999 })).toEqual({});
});

test("what waits and how old it is are told of each lane", async () => {
  const lane = (waiting: number, oldestMs: number) => ({ waiting, oldestMs, lag: waiting });
  const state = { ...idle, byLane: [lane(2, 1_500), lane(0, 0)] };
  expect(await exportedOf("throughline.outbox.waiting", state)).toEqual({ "test 0": 2, "test 1": 0 });
  expect(await exportedOf("throughline.outbox.oldest", state)).toEqual({ "test 0": 1.5, "test 1": 0 });
});

test("how long ago the outbox was seen is told also while it cannot be", async () => {
  const meter = keepLast("throughline.outbox.unseen");
  metrics.setGlobalMeterProvider({ getMeter: () => meter });
  using _ = observeRelay(() => Promise.reject(new Error("connect ECONNREFUSED")));
  await meter.collect();
  expect(meter.last.get("")).toBeGreaterThan(0);
});

/** What is exported for a destination at last, where a transaction holds it back, or none, at each export. */
async function heldBackAfter(
  ...holders: readonly DestinationStatus["heldBackBy"][]
): Promise<Readonly<Record<string, number>>> {
  const states = holders.map((heldBackBy) => (heldBackBy === undefined ? idle : { ...idle, heldBackBy }));
  return await exportedOf("throughline.outbox.held_back", ...states);
}

/** What is exported at last of a metric, by the values of its attributes, where the destination is so at each export. */
async function exportedOf(
  metric: string,
  ...states: readonly DestinationStatus[]
): Promise<Readonly<Record<string, number>>> {
  const meter = keepLast(metric);
  metrics.setGlobalMeterProvider({ getMeter: () => meter });
  const coming = [...states];
  using _ = observeRelay(async () => coming.splice(0, 1));
  for (const _ of states) await meter.collect();
  return Object.fromEntries(meter.last);
}

const idle: DestinationStatus = {
  ...{ destination: "test", waiting: 0, oldestMs: 0, lag: 0, byLane: [], lanes: 1, heldLanes: 1 },
  ...{ parked: 0, parkedKeys: 0, dead: 0, publishedTotal: 0 },
};

/** Keeps the last value of each series, also of one that is not observed any more, as the SDK does. */
function keepLast(kept: string) {
  const last = new Map<string, number>();
  const names = new Map<Observable, string>();
  const callbacks = new Set<BatchObservableCallback>();
  return Object.assign(createNoopMeter(), {
    last,
    createObservableGauge(name: string) {
      const gauge: Observable = {
        addCallback: (callback) =>
          void callbacks.add((result) => callback({ observe: (...told) => result.observe(gauge, ...told) })),
        removeCallback() {},
      };
      names.set(gauge, name);
      return gauge;
    },
    addBatchObservableCallback: (callback: BatchObservableCallback) => void callbacks.add(callback),
    async collect() {
      const observe: Parameters<BatchObservableCallback>[0]["observe"] = (gauge, value, attributes = {}) => {
        if (names.get(gauge) === kept) last.set(Object.values(attributes).join(" "), value);
      };
      await Promise.allSettled([...callbacks].map((callback) => callback({ observe })));
    },
  });
}
