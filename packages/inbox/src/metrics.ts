import { type BatchObservableCallback, metrics, type ObservableCallback } from "@opentelemetry/api";
import type { Consumer } from "./consumer.ts";

const meter = () => metrics.getMeter("throughline");

/** Tells, as metrics, what a group has done and what waits for it, whenever they are exported and until disposed. */
export function observeConsumer({
  status,
  parked,
  backlog,
}: Pick<Consumer, "status" | "parked" | "backlog">): Disposable {
  const messages = meter().createObservableCounter("throughline.inbox.messages", { unit: "{message}" });
  const waiting = meter().createObservableGauge("throughline.inbox.waiting", { unit: "{message}" });
  const away = meter().createObservableGauge("throughline.inbox.away", { unit: "{road}" });
  const parkedKeys = meter().createObservableGauge("throughline.inbox.parked_keys", { unit: "{key}" });
  const attributes = { "messaging.consumer.group.name": status().group };
  const observe: BatchObservableCallback = async (result) => {
    const { handled, duplicates, putAside, failed, deadLettered } = status();
    for (const [outcome, count] of Object.entries({ handled, duplicates, parked: putAside, failed, deadLettered }))
      result.observe(messages, count, { ...attributes, "throughline.outcome": outcome });
    for (const { road, waiting: count, reason } of await backlog()) {
      const onRoad = { ...attributes, "throughline.road": road };
      // The SDK exports the last value of what is not observed any more, for ever. So this says that it is old.
      result.observe(away, reason === undefined ? 0 : 1, onRoad);
      if (reason === undefined) result.observe(waiting, count, onRoad);
    }
  };
  // Apart, for this asks the database: while that is away, what brokers say is told all the same.
  const observeParked: ObservableCallback = async (result) => result.observe((await parked()).parkedKeys, attributes);
  const all = [messages, waiting, away];
  meter().addBatchObservableCallback(observe, all);
  parkedKeys.addCallback(observeParked);
  return {
    [Symbol.dispose]() {
      meter().removeBatchObservableCallback(observe, all);
      parkedKeys.removeCallback(observeParked);
    },
  };
}
