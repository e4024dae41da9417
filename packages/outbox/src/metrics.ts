import { isDeepStrictEqual } from "node:util";
import { type Attributes, type BatchObservableCallback, metrics, type ObservableCallback } from "@opentelemetry/api";
import type { DestinationStatus } from "./status.ts";

const meter = () => metrics.getMeter("throughline");

/** Tells, as metrics, what waits for each destination, whenever they are exported and until it is disposed. */
export function observeRelay(status: () => Promise<DestinationStatus[]>): Disposable {
  const waiting = meter().createObservableGauge("throughline.outbox.waiting", { unit: "{message}" });
  const oldest = meter().createObservableGauge("throughline.outbox.oldest", { unit: "s" });
  const lag = meter().createObservableGauge("throughline.outbox.lag", { unit: "{position}" });
  const parked = meter().createObservableGauge("throughline.outbox.parked", { unit: "{message}" });
  const parkedKeys = meter().createObservableGauge("throughline.outbox.parked_keys", { unit: "{key}" });
  const dead = meter().createObservableGauge("throughline.outbox.dead", { unit: "{message}" });
  const heldBack = meter().createObservableGauge("throughline.outbox.held_back", { unit: "s" });
  const all = [waiting, oldest, lag, parked, parkedKeys, dead, heldBack];
  const unseen = meter().createObservableGauge("throughline.outbox.unseen", { unit: "s" });
  let seenAt = performance.now();
  // Apart, for while the database is away all others stay as they were, and only this says how old they are.
  const observeUnseen: ObservableCallback = (result) => result.observe((performance.now() - seenAt) / 1_000);
  const holders = new Map<string, Attributes | undefined>();
  const observe: BatchObservableCallback = async (result) => {
    const states = await status();
    seenAt = performance.now();
    for (const one of states) {
      const attributes = { "throughline.destination": one.destination };
      for (const [lane, behind] of one.byLane.entries()) {
        const ofLane = { ...attributes, "throughline.lane": lane };
        result.observe(waiting, behind.waiting, ofLane);
        result.observe(oldest, behind.oldestMs / 1_000, ofLane);
        result.observe(lag, behind.lag, ofLane);
      }
      result.observe(parked, one.parked, attributes);
      result.observe(parkedKeys, one.parkedKeys, attributes);
      result.observe(dead, one.dead, attributes);
      const holder = holderOf(one);
      const last = holders.get(one.destination);
      // The SDK would export the last value of what is not observed any more, for ever.
      if (last !== undefined && !isDeepStrictEqual(last, holder)) result.observe(heldBack, 0, last);
      if (holder !== undefined) result.observe(heldBack, (one.heldBackBy?.ageMs ?? 0) / 1_000, holder);
      holders.set(one.destination, holder);
    }
  };
  meter().addBatchObservableCallback(observe, all);
  unseen.addCallback(observeUnseen);
  return {
    [Symbol.dispose]() {
      meter().removeBatchObservableCallback(observe, all);
      unseen.removeCallback(observeUnseen);
    },
  };
}

/** Who holds a destination back, for longer than an ordinary commit does, which would be a series of its own each time. */
function holderOf({ destination, heldBackBy }: DestinationStatus): Attributes | undefined {
  if (heldBackBy === undefined || heldBackBy.ageMs < 1_000) return undefined;
  const { pid = "none", application, state } = heldBackBy;
  return {
    "throughline.destination": destination,
    "throughline.holder.pid": String(pid),
    "throughline.holder.application": application,
    "throughline.holder.state": state,
  };
}
