import { type BatchObservableCallback, createNoopMeter, metrics, type Observable } from "@opentelemetry/api";
import { afterEach, expect, test } from "vitest";
import type { Consumer } from "./consumer.ts";
import { observeConsumer } from "./metrics.ts";

afterEach(() => metrics.disable());

const counts = { handled: 7, duplicates: 0, failed: 0, putAside: 0, deadLettered: 0, inFlight: 0 };
const consumer: Pick<Consumer, "status" | "parked" | "backlog"> = {
  status: () => ({ group: "billing", ...counts }),
  parked: async () => ({ parked: 0, parkedKeys: 0 }),
  backlog: async () => [
    { road: "kafka", waiting: 3, deadLetters: 0 },
    { road: "rabbitmq", waiting: 0, deadLetters: 0, reason: "connect ECONNREFUSED" },
  ],
};

test("a road whose broker does not answer is told to be away, and not to have nothing waiting", async () => {
  const observed = await observedOf(consumer);
  expect(observed["throughline.inbox.away"]).toEqual({ "billing kafka": 0, "billing rabbitmq": 1 });
  expect(observed["throughline.inbox.waiting"]).toEqual({ "billing kafka": 3 });
});

test("while its database is away, what a group has done and what waits for it at brokers is told all the same", async () => {
  const parked = () => Promise.reject(new Error("connect ECONNREFUSED"));
  const observed = await observedOf({ ...consumer, parked });
  expect(observed["throughline.inbox.messages"]).toMatchObject({ "billing handled": 7 });
  expect(observed["throughline.inbox.waiting"]).toEqual({ "billing kafka": 3 });
});

/** By metric, and by the values of the attributes. As in the SDK, what a callback observed counts only if it ends well. */
async function observedOf(of: typeof consumer): Promise<Readonly<Record<string, object>>> {
  const observed = new Map<string, Map<string, number>>();
  const callbacks: BatchObservableCallback[] = [];
  const names = new Map<Observable, string>();
  function createInstrument(name: string): Observable {
    const instrument: Observable = {
      addCallback: (callback) =>
        void callbacks.push((result) => callback({ observe: (...told) => result.observe(instrument, ...told) })),
      removeCallback() {},
    };
    names.set(instrument, name);
    observed.set(name, new Map());
    return instrument;
  }
  async function collect(callback: BatchObservableCallback): Promise<void> {
    const told: (() => void)[] = [];
    await callback({
      observe(instrument, value, attributes = {}) {
        const series = observed.get(names.get(instrument) ?? "");
        told.push(() => void series?.set(Object.values(attributes).join(" "), value));
      },
    });
    for (const keep of told) keep();
  }
  const meter = Object.assign(createNoopMeter(), {
    createObservableCounter: createInstrument,
    createObservableGauge: createInstrument,
    addBatchObservableCallback: (callback: BatchObservableCallback) => void callbacks.push(callback),
  });
  metrics.setGlobalMeterProvider({ getMeter: () => meter });
  using _ = observeConsumer(of);
  await Promise.allSettled(callbacks.map(collect));
  return Object.fromEntries([...observed].map(([name, series]) => [name, Object.fromEntries(series)]));
}
