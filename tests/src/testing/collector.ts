import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export type Span = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  /** 2 where it failed. */
  readonly status?: { readonly code?: number };
  readonly service: string;
  readonly attributes: Readonly<Record<string, unknown>>;
};

type Points = { readonly dataPoints: readonly { readonly attributes?: readonly Attribute[] }[] };
export type Metric = {
  readonly name: string;
  readonly unit?: string;
  readonly gauge?: Points;
  readonly sum?: Points & { readonly isMonotonic?: boolean };
  readonly histogram?: Points;
  readonly service: string;
};

type Attribute = { readonly key: string; readonly value: { readonly stringValue?: string } };

/** Receives spans as a collector does: OTLP over HTTP, as JSON. */
export async function startCollector() {
  const spans: Span[] = [];
  const metrics: Metric[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    if (request.url === "/v1/traces") spans.push(...readSpans(body));
    if (request.url === "/v1/metrics") metrics.push(...readMetrics(body));
    response.setHeader("content-type", "application/json").end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    spans,
    metrics,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type SpanExport = {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<Span, "attributes"> & { attributes?: Attribute[] })[];
    }[];
  }[];
};

function readSpans(body: string): Span[] {
  const { resourceSpans } = JSON.parse(body) as SpanExport;
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(valuesOf(resource.attributes)["service.name"]);
    const sent = scopeSpans.flatMap(({ spans }) => spans);
    return sent.map((span) => ({ ...span, service, attributes: valuesOf(span.attributes ?? []) }));
  });
}

type MetricExport = {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeMetrics: readonly { readonly metrics: readonly Omit<Metric, "service">[] }[];
  }[];
};

function readMetrics(body: string): Metric[] {
  const { resourceMetrics } = JSON.parse(body) as MetricExport;
  return resourceMetrics.flatMap(({ resource, scopeMetrics }) => {
    const service = String(valuesOf(resource.attributes)["service.name"]);
    return scopeMetrics.flatMap(({ metrics }) => metrics.map((metric) => ({ ...metric, service })));
  });
}

function valuesOf(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]));
}
