import { type BatchObservableCallback, metrics } from "@opentelemetry/api";
import type { DestinationStatus } from "./status.ts";

const meter = () => metrics.getMeter("throughline");

/** Tells, as metrics, what waits for each destination, whenever they are exported and until it is disposed. */
export function observeRelay(status: () => Promise<DestinationStatus[]>): Disposable {
  const waiting = meter().createObservableGauge("throughline.outbox.waiting", { unit: "{message}" });
  const oldest = meter().createObservableGauge("throughline.outbox.oldest", { unit: "s" });
  const parked = meter().createObservableGauge("throughline.outbox.parked", { unit: "{message}" });
  const dead = meter().createObservableGauge("throughline.outbox.dead", { unit: "{message}" });
  const all = [waiting, oldest, parked, dead];
  const observe: BatchObservableCallback = async (result) => {
    for (const one of await status()) {
      const attributes = { "throughline.destination": one.destination };
      result.observe(waiting, one.waiting, attributes);
      result.observe(oldest, one.oldestMs / 1_000, attributes);
      result.observe(parked, one.parked, attributes);
      result.observe(dead, one.dead, attributes);
    }
  };
  meter().addBatchObservableCallback(observe, all);
  return { [Symbol.dispose]: () => meter().removeBatchObservableCallback(observe, all) };
}

/** Called with the time at which a message was written, in ISO 8601, when the broker of `destination` has it. */
export function ageMeasure(destination: string): (writtenAt: string) => void {
  const age = meter().createHistogram("throughline.outbox.age", {
    description: "From the writing of a message until a broker has it",
    unit: "s",
    advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600] },
  });
  const attributes = { "throughline.destination": destination };
  return (writtenAt) => age.record(Math.max(0, Date.now() - Date.parse(writtenAt)) / 1_000, attributes);
}
