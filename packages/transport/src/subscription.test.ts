import { once } from "node:events";
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { createEnvelope, currentCause } from "@throughline/envelope";
import { expect, test } from "vitest";
import { retryDelayMs, tellFailure, withDefaults } from "./subscription.ts";

const subscription = { group: "billing", types: ["order.created"], handler: async () => {} };

test("what is not said has its documented default", () => {
  expect(withDefaults(subscription)).toMatchObject({
    concurrency: 10,
    timeoutMs: 30_000,
    attempts: 3,
    retryDelayMs: 1_000,
    links: [],
  });
  expect(withDefaults({ ...subscription, attempts: 7 }).attempts).toBe(7);
});

test("numbers that make no sense are refused, all at once", () => {
  const wrong = { ...subscription, types: [], concurrency: 0, timeoutMs: Number.POSITIVE_INFINITY, attempts: 1.5 };
  expect(() => withDefaults(wrong)).toThrow(
    /billing: types is empty; concurrency is 0, .*; timeoutMs is Infinity, .*; attempts is 1.5, /,
  );
});

test("the pause doubles up to half a minute, and is late by at most a quarter", () => {
  const least = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
  for (const [index, delayMs] of least.entries()) {
    const actual = retryDelayMs({ retryDelayMs: 1_000 }, index + 1);
    expect(actual).toBeGreaterThanOrEqual(delayMs);
    expect(actual).toBeLessThanOrEqual(delayMs * 1.25 + 1);
  }
  expect(retryDelayMs({ retryDelayMs: 1_000 }, 5_000)).toBeLessThanOrEqual(37_501);
});

test("a listener that throws becomes a warning", async () => {
  const warned = once(process, "warning");
  const onFailure = () => {
    throw new Error("the logger is full");
  };
  tellFailure({ onFailure }, { error: new Error("any"), deadLettered: false });
  const [warning] = await warned;
  expect(warning).toMatchObject({ message: "onFailure threw", cause: { message: "the logger is full" } });
});

test("what fails is told in the name of its message", () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const message = { type: "order.created", version: "1", key: "o-1", data: {} };
  const envelope = createEnvelope(message, { source: "order", sequence: 1, traceparent });
  const told: unknown[] = [];
  const onFailure = () => told.push(currentCause(), trace.getActiveSpan()?.spanContext());
  tellFailure({ onFailure }, { error: new Error("any"), envelope, deadLettered: true });
  context.disable();
  const { id, correlationId } = envelope;
  expect(told).toMatchObject([{ id, correlationId }, { traceId: traceparent.slice(3, 35) }]);
});
