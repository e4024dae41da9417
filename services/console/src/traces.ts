import type { Span } from "./spans.ts";

/** The newest traces, in memory: enough to look at, and no more. */
export type Traces = {
  add(spans: readonly Span[]): void;
  /** Every span of the traces in which a message about `key` was written. */
  about(key: string): readonly Span[];
};

type Trace = { readonly spans: Map<string, Span>; readonly keys: Set<string> };

/** Keeps at most `mostSpans`, about 1 KiB each, and forgets the traces that began first. */
export function createTraces({ mostSpans }: { readonly mostSpans: number }): Traces {
  const traces = new Map<string, Trace>();
  const byKey = new Map<string, Set<string>>();
  let count = 0;

  return {
    add(spans) {
      for (const span of spans) keep(span);
      for (const traceId of traces.keys()) {
        if (count <= mostSpans) break;
        forget(traceId);
      }
    },
    about: (key) => [...(byKey.get(key) ?? [])].flatMap((traceId) => [...(traces.get(traceId)?.spans.values() ?? [])]),
  };

  function keep(span: Span): void {
    const trace = traces.get(span.traceId) ?? { spans: new Map(), keys: new Set() };
    traces.set(span.traceId, trace);
    // An exporter that had no answer sends again.
    if (trace.spans.has(span.spanId)) return;
    trace.spans.set(span.spanId, span);
    count += 1;
    const key = span.attributes["throughline.key"];
    if (typeof key !== "string") return;
    trace.keys.add(key);
    byKey.set(key, (byKey.get(key) ?? new Set()).add(span.traceId));
  }

  function forget(traceId: string): void {
    const forgotten = traces.get(traceId);
    traces.delete(traceId);
    count -= forgotten?.spans.size ?? 0;
    for (const key of forgotten?.keys ?? []) {
      byKey.get(key)?.delete(traceId);
      if (byKey.get(key)?.size === 0) byKey.delete(key);
    }
  }
}
