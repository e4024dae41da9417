import { type BatchObservableCallback, metrics } from "@opentelemetry/api";
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
  const parkedKeys = meter().createObservableGauge("throughline.inbox.parked_keys", { unit: "{key}" });
  const observe: BatchObservableCallback = async (result) => {
    const { group, handled, duplicates, putAside, failed, deadLettered } = status();
    const attributes = { "messaging.consumer.group.name": group };
    for (const [outcome, count] of Object.entries({ handled, duplicates, parked: putAside, failed, deadLettered }))
      result.observe(messages, count, { ...attributes, "throughline.outcome": outcome });
    for (const { road, waiting: count, reason } of await backlog())
      if (reason === undefined) result.observe(waiting, count, { ...attributes, "throughline.road": road });
    result.observe(parkedKeys, (await parked()).parkedKeys, attributes);
  };
  const all = [messages, waiting, parkedKeys];
  meter().addBatchObservableCallback(observe, all);
  return { [Symbol.dispose]: () => meter().removeBatchObservableCallback(observe, all) };
}
