import { type Attributes, createNoopMeter, type MetricOptions, metrics } from "@opentelemetry/api";
import { createEnvelope, type Handler, RejectedError } from "@throughline/envelope";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { handleEnvelope } from "./process.ts";
import { withDefaults } from "./subscription.ts";

type Recorded = { readonly name: string; readonly unit: string | undefined; value: number; attributes: Attributes };

const recorded: Recorded[] = [];
const place = {
  "messaging.system": "kafka",
  "messaging.destination.name": "dev.order.created",
  "messaging.consumer.group.name": "billing",
};

// The histogram is made once per process.
beforeAll(() => {
  const createHistogram = (name: string, { unit }: MetricOptions = {}) => ({
    record: (value: number, attributes: Attributes = {}) => void recorded.push({ name, unit, value, attributes }),
  });
  metrics.setGlobalMeterProvider({ getMeter: () => Object.assign(createNoopMeter(), { createHistogram }) });
});
afterAll(() => metrics.disable());
beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  recorded.length = 0;
});

test("how long a handler took is told in seconds", async () => {
  await handleWith(async () => void vi.advanceTimersByTime(2_500));
  const duration = { name: "messaging.process.duration", unit: "s", value: 2.5 };
  expect(recorded).toEqual([{ ...duration, attributes: place }]);
});

test("how long a handler took that failed is told with the name of its error", async () => {
  const failing = handleWith(async () => {
    vi.advanceTimersByTime(40);
    throw new RejectedError("no such order");
  });
  await expect(failing).rejects.toThrow("no such order");
  expect(recorded).toMatchObject([{ value: 0.04, attributes: { ...place, "error.type": "RejectedError" } }]);
});

function handleWith(handler: Handler): Promise<void> {
  const subscription = withDefaults({ group: "billing", types: ["order.created"], handler });
  const message = { type: "order.created", version: "1", key: "order-1", data: {} };
  const arrival = { system: "kafka", destination: "dev.order.created" };
  return handleEnvelope(subscription, createEnvelope(message, { source: "order-service" }), arrival);
}
