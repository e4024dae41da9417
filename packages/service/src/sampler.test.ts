import { ROOT_CONTEXT, type SpanContext, TraceFlags, trace } from "@opentelemetry/api";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import { expect, test } from "vitest";
import { createSampler } from "./sampler.ts";

const unsampled = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  traceFlags: TraceFlags.NONE,
};
const sampled = { ...unsampled, traceFlags: TraceFlags.SAMPLED };

test("a root is kept with what it is linked to, and any other by its share", () => {
  expect(isKept(0, { links: [unsampled, sampled] })).toBe(true);
  expect(isKept(1, { links: [unsampled] })).toBe(false);
  expect([isKept(1), isKept(0)]).toEqual([true, false]);
});

test("a child is kept with its parent, whatever it is linked to", () => {
  expect(isKept(0, { parent: sampled, links: [unsampled] })).toBe(true);
  expect(isKept(1, { parent: unsampled, links: [sampled] })).toBe(false);
});

type Relations = { readonly parent?: SpanContext; readonly links?: readonly SpanContext[] };

function isKept(share: number, { parent, links = [] }: Relations = {}): boolean {
  const tracer = new TracerProvider({ sampler: createSampler(share) }).getTracer("test");
  const above = parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
  return tracer.startSpan("any", { links: links.map((context) => ({ context })) }, above).isRecording();
}
