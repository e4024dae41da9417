import { type BatchObservableCallback, createNoopMeter, metrics, type Observable } from "@opentelemetry/api";
import { afterEach, expect, test } from "vitest";
import { observeRelay } from "./metrics.ts";
import type { DestinationStatus } from "./status.ts";

afterEach(() => metrics.disable());

const forgotten = { pid: 77, ageMs: 40_000, application: "psql", state: "idle in transaction", position: 1 };

test("a transaction that has ended is told to hold nothing back any more", async () => {
  expect(await heldBackAfter(forgotten, undefined)).toEqual({ "77 idle in transaction": 0 });
});

test("the transaction that holds back next is told beside the one that has ended", async () => {
  const other = { ...forgotten, pid: 78, ageMs: 2_000 };
  expect(await heldBackAfter(forgotten, other, other)).toEqual({
    "77 idle in transaction": 0,
    "78 idle in transaction": 2,
  });
});

test("a transaction that goes on holding back is told as it is now", async () => {
  expect(await heldBackAfter(forgotten, { ...forgotten, ageMs: 50_000 })).toEqual({ "77 idle in transaction": 50 });
});

test("a transaction that ends within a second makes no series", async () => {
  expect(await heldBackAfter({ ...forgotten, ageMs: 999 })).toEqual({});
});

/** What is exported for a destination at last, where a transaction holds it back, or none, at each export. */
async function heldBackAfter(
  ...holders: readonly DestinationStatus["heldBackBy"][]
): Promise<Readonly<Record<string, number>>> {
  const meter = keepLast("throughline.outbox.held_back");
  metrics.setGlobalMeterProvider({ getMeter: () => meter });
  let next = 0;
  using _ = observeRelay(async () => {
    const heldBackBy = holders[next++];
    return [heldBackBy === undefined ? idle : { ...idle, heldBackBy }];
  });
  for (const _ of holders) await meter.collect();
  return Object.fromEntries(meter.last);
}

const idle: DestinationStatus = {
  ...{ destination: "kafka", waiting: 0, oldestMs: 0, lag: 0, lagByLane: [0], lanes: 1, heldLanes: 1 },
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
      const gauge: Observable = { addCallback() {}, removeCallback() {} };
      names.set(gauge, name);
      return gauge;
    },
    addBatchObservableCallback: (callback: BatchObservableCallback) => void callbacks.add(callback),
    async collect() {
      for (const callback of callbacks)
        await callback({
          observe(gauge, value, attributes = {}) {
            const series = `${attributes["throughline.holder.pid"]} ${attributes["throughline.holder.state"]}`;
            if (names.get(gauge) === kept) last.set(series, value);
          },
        });
    },
  });
}
