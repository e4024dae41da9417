import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export type Span = {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
  /** 2 where it failed. */
  readonly status: { readonly code: number; readonly message?: string };
};

type GaugePoint = { readonly name: string; readonly unit: string; readonly value: number };

/** A server that answers what it was sent, and keeps the spans, the names of metrics and what gauges told, as OTLP brings them. */
export async function startCollector() {
  const spans: Span[] = [];
  const metrics: string[] = [];
  const gauges: GaugePoint[] = [];
  const services = new Set<string>();
  const calls: { readonly headers: NodeJS.Dict<string | string[]>; readonly body: unknown }[] = [];
  const server = createServer(async (request, response) => {
    const body = JSON.parse((await request.toArray()).join(""));
    if (request.url === "/v1/traces") {
      for (const { resource, scopeSpans } of body.resourceSpans) {
        services.add(JSON.stringify(resource.attributes));
        for (const scope of scopeSpans) spans.push(...scope.spans);
      }
    } else if (request.url === "/v1/metrics") {
      for (const { scopeMetrics } of body.resourceMetrics) {
        for (const scope of scopeMetrics)
          for (const { name, unit, gauge } of scope.metrics) {
            metrics.push(`${scope.scope.name}: ${name}`);
            for (const { asDouble } of gauge?.dataPoints ?? []) gauges.push({ name, unit, value: asDouble });
          }
      }
    } else calls.push({ headers: request.headers, body });
    response.setHeader("content-type", "application/json").end("{}");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  async function close() {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  return { url, spans, metrics, gauges, services, calls, [Symbol.asyncDispose]: close };
}
