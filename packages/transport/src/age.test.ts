import { createNoopMeter, metrics } from "@opentelemetry/api";
import { afterEach, expect, test, vi } from "vitest";
import { createAgeMeasure } from "./age.ts";

const options = { description: "From the writing until now", attributes: {} };

afterEach(() => {
  metrics.disable();
  vi.restoreAllMocks();
});

test("an age is in seconds, and nothing is younger than now", () => {
  const ages: number[] = [];
  const createHistogram = () => ({ record: (age: number) => void ages.push(age) });
  metrics.setGlobalMeterProvider({
    getMeter: () => Object.assign(Object.create(createNoopMeter()), { createHistogram }),
  });
  const measure = createAgeMeasure("age", options);
  measure(new Date(Date.now() - 90_000).toISOString());
  measure(new Date(Date.now() + 90_000).toISOString());
  expect(ages.map(Math.round)).toEqual([90, 0]);
});

test("without an SDK no time is read", () => {
  const measure = createAgeMeasure("age", options);
  const parse = vi.spyOn(Date, "parse");
  measure("2026-11-28T08:00:00.000Z");
  expect(parse).not.toHaveBeenCalled();
});
