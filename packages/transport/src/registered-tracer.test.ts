import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { AlwaysOffSampler, TracerProvider } from "@opentelemetry/sdk-trace";
import { afterEach, expect, test } from "vitest";
import { traceBatch } from "./batch-span.ts";
import { registeredTracer } from "./registered-tracer.ts";

afterEach(() => trace.disable());

test("there is a tracer as long as an SDK is registered, however late that was", () => {
  expect(registeredTracer()).toBeUndefined();
  trace.setGlobalTracerProvider(new TracerProvider());
  expect(registeredTracer()?.startSpan("seen", {}, ROOT_CONTEXT).isRecording()).toBe(true);
  trace.disable();
  expect(registeredTracer()).toBeUndefined();
});

test("there is one where a sampler wants nothing, since it may want the next span", () => {
  trace.setGlobalTracerProvider(new TracerProvider({ sampler: new AlwaysOffSampler() }));
  expect(registeredTracer()).toBeDefined();
});

test("without an SDK, not even a look is taken at the messages of a call", () => {
  const looks: string[] = [];
  const look = (traceparent: string) => {
    looks.push(traceparent);
    return traceparent;
  };
  const sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const call = { operation: "receive" as const, on: "dev.billing", attributes: {} };
  expect([traceBatch([sampled], look, call), looks]).toEqual([undefined, []]);
  trace.setGlobalTracerProvider(new TracerProvider());
  expect([traceBatch([sampled], look, call), looks]).toEqual([expect.anything(), [sampled]]);
});
