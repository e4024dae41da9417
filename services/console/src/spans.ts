import { z } from "zod";

/** One step of a trace. Times are milliseconds since 1970, with fractions. */
export type Span = {
  readonly traceId: string;
  readonly spanId: string;
  /** The one that it is below; where it began a trace of its own, the first that it is linked to. */
  readonly parentSpanId?: string;
  readonly service: string;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** Why it failed. */
  readonly error?: string;
};

// What is left out is empty, as protobuf has it.
const value = z.object({
  stringValue: z.string().optional(),
  intValue: z.coerce.number().optional(),
  doubleValue: z.number().optional(),
  boolValue: z.boolean().optional(),
});
const attributes = z.array(z.object({ key: z.string().default(""), value: value.default({}) })).default([]);
const span = z.object({
  traceId: z.string().min(1),
  spanId: z.string().min(1),
  parentSpanId: z.string().optional(),
  name: z.string().default(""),
  startTimeUnixNano: z.coerce.bigint().default(0n),
  endTimeUnixNano: z.coerce.bigint().default(0n),
  attributes,
  links: z.array(z.object({ spanId: z.string() })).default([]),
  status: z.object({ code: z.number().optional(), message: z.string().optional() }).optional(),
});

/** What OTLP sends to `/v1/traces` as JSON, as far as it is read here. */
export const tracesBody = z.object({
  resourceSpans: z
    .array(
      z.object({
        resource: z.object({ attributes }).optional(),
        scopeSpans: z.array(z.object({ spans: z.array(span).default([]) })).default([]),
      }),
    )
    .default([]),
});

const isError = 2;
const ofCalls = ["receive", "send", "settle"];

/** All but the calls for many messages, which are no step of one, and statements, which are as many as all steps. */
export function spansOf({ resourceSpans }: z.infer<typeof tracesBody>): Span[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(valuesOf(resource?.attributes ?? [])["service.name"] ?? "unknown");
    return scopeSpans.flatMap(({ spans }) => spans.filter(isStep).map((sent) => toSpan(sent, service)));
  });
}

/** A call stands in no message's trace: it is a root, and linked to them. */
function isStep({ parentSpanId, attributes }: z.infer<typeof span>): boolean {
  if (attributes.some(({ key }) => key === "db.system.name")) return false;
  const type = attributes.find(({ key }) => key === "messaging.operation.type")?.value.stringValue ?? "";
  return Boolean(parentSpanId) || !ofCalls.includes(type);
}

function toSpan(sent: z.infer<typeof span>, service: string): Span {
  const { traceId, spanId, parentSpanId, name, links, status } = sent;
  const above = parentSpanId || links[0]?.spanId;
  return {
    ...{ traceId, spanId, service, name, attributes: valuesOf(sent.attributes) },
    ...(above && { parentSpanId: above }),
    startMs: milliseconds(sent.startTimeUnixNano),
    endMs: milliseconds(sent.endTimeUnixNano),
    ...(status?.code === isError && { error: status.message || "failed" }),
  };
}

/** Of whole microseconds: no number has room for all nanoseconds since 1970, and 37 ms would be a bit less. */
function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000n) / 1_000;
}

function valuesOf(sent: z.infer<typeof attributes>): Record<string, string | number | boolean> {
  return Object.fromEntries(
    sent.map(({ key, value }) => [
      key,
      value.stringValue ?? value.intValue ?? value.doubleValue ?? value.boolValue ?? "",
    ]),
  );
}
