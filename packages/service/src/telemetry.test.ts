import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test, vi } from "vitest";
import { startChild } from "./testing/child.ts";
import { startCollector } from "./testing/collector.ts";

const preload = ["--import", "@throughline/service/preload"];
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async function callOnce(output: string, target: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${urlOf(output)}/call/o-1?url=${target}`, { headers });
  return response.json();
}

const urlOf = (output: string) => /"url":"([^"]+)"/.exec(output)?.[1] ?? "";

test("a request is one trace: from the caller, through this process, to whom it calls", async () => {
  await using collector = await startCollector();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: "order" };
  await using child = startChild("process.ts", preload, env);
  await child.said("listening");
  await callOnce(child.output(), collector.url, { traceparent, "x-correlation-id": "cart-7" });
  await vi.waitUntil(() => collector.spans.length === 2, { timeout: 10_000 });

  const server = collector.spans.find((span) => span.kind === 2);
  const client = collector.spans.find((span) => span.kind === 3);
  expect(server).toMatchObject({
    name: "GET /call/:orderId",
    traceId: traceparent.slice(3, 35),
    parentSpanId: traceparent.slice(36, 52),
  });
  expect(client).toMatchObject({ name: "POST", traceId: server?.traceId, parentSpanId: server?.spanId });
  expect(collector.calls).toEqual([
    {
      headers: expect.objectContaining({
        traceparent: `00-${client?.traceId}-${client?.spanId}-01`,
        "x-correlation-id": "cart-7",
      }),
      body: { a: 1 },
    },
  ]);
  expect(server?.attributes).toContainEqual({ key: "http.route", value: { stringValue: "/call/:orderId" } });
  expect(server?.attributes).toContainEqual({ key: "http.response.status_code", value: { intValue: 200 } });
  expect([...collector.services].join()).toContain('{"key":"service.name","value":{"stringValue":"order"}}');
  expect(child.output()).toMatch(
    new RegExp(
      `"trace_id":"${server?.traceId}","span_id":"${server?.spanId}","trace_flags":"01","correlation_id":"cart-7"`,
    ),
  );
});

test("what a caller says of the tenant is seen in spans and logs, and not told to whom is called", async () => {
  await using collector = await startCollector();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, BAGGAGE_KEYS: "tenant" };
  await using child = startChild("process.ts", preload, env);
  await child.said("listening");
  await callOnce(child.output(), collector.url, { baggage: "tenant=acme,secret=hunter2" });
  await vi.waitUntil(() => collector.spans.length === 2, { timeout: 10_000 });
  const server = collector.spans.find((span) => span.kind === 2);
  expect(server?.attributes).toContainEqual({ key: "baggage.tenant", value: { stringValue: "acme" } });
  expect(collector.calls[0]?.headers).not.toHaveProperty("baggage");
  await child.said('"baggage":{"tenant":"acme"}');
  expect(JSON.stringify([collector.spans, collector.calls, child.output()])).not.toContain("hunter2");
});

test("what is asked every second makes no trace", async () => {
  await using collector = await startCollector();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: "600000" };
  await using child = startChild("process.ts", preload, env);
  await child.said("listening");
  await callOnce(child.output(), `${collector.url}/status`);
  child.kill("SIGTERM");
  await child.ended;
  expect(collector.spans.map(({ kind }) => kind)).toEqual([2]);
});

test("what is run unsampled has no span, and whoever it asks is told to make none", async () => {
  await using collector = await startCollector();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: "600000" };
  await using child = startChild("process.ts", preload, env);
  await child.said("listening");
  await callOnce(child.output(), `${collector.url}&unsampled=1`, { traceparent, "x-correlation-id": "cart-7" });
  child.kill("SIGTERM");
  await child.ended;
  expect(collector.spans.map(({ kind }) => kind)).toEqual([2]);
  const unsampled = expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  expect(collector.calls[0]?.headers).toMatchObject({ traceparent: unsampled, "x-correlation-id": "cart-7" });
});

test("the last spans are sent before a process ends", async () => {
  await using collector = await startCollector();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: "600000" };
  await using child = startChild("process.ts", preload, env);
  await child.said("listening");
  await callOnce(child.output(), collector.url);
  child.kill("SIGTERM");
  expect(await child.ended).toEqual({ code: 0, signal: null });
  expect(collector.spans).toHaveLength(2);
});

test("how late the event loop was while something computed for 300 ms is told in seconds", async () => {
  await using collector = await startCollector();
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_METRICS_EXPORTER: "otlp",
    OTEL_METRIC_EXPORT_INTERVAL: "600000",
  };
  await using child = startChild("process.ts", preload, env);
  await child.said("listening");
  await fetch(`${urlOf(child.output())}/compute`);
  child.kill("SIGTERM");
  await child.ended;
  const [p99, max] = ["p99", "max"].map((which) =>
    collector.gauges.find(({ name }) => name === `nodejs.eventloop.delay.${which}`),
  );
  expect([p99?.unit, max?.unit]).toEqual(["s", "s"]);
  expect(max?.value).toBeGreaterThan(0.2);
  expect(max?.value).toBeLessThan(60);
  expect(p99?.value).toBeGreaterThan(0.001);
  expect(p99?.value).toBeLessThanOrEqual(max?.value ?? 0);
});

test("a collector that is down disturbs nothing but one warning for spans and one for metrics", async () => {
  await using collector = await startCollector();
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
    OTEL_EXPORTER_OTLP_TIMEOUT: "100",
    OTEL_BSP_SCHEDULE_DELAY: "10",
    OTEL_METRICS_EXPORTER: "otlp",
    OTEL_METRIC_EXPORT_INTERVAL: "100",
    OTEL_METRIC_EXPORT_TIMEOUT: "100",
  };
  await using child = startChild("process.ts", preload, env);
  await child.said("listening");
  await child.said("Further faults with metrics");
  await callOnce(child.output(), collector.url);
  await child.said("Further faults with spans");
  await callOnce(child.output(), collector.url);
  child.kill("SIGTERM");
  expect(await child.ended).toEqual({ code: 0, signal: null });
  expect(child.output().split("Telemetry:")).toHaveLength(3);
});

test("a collector that swallows everything does not hold up the end", async () => {
  const hole = createServer(() => {}).listen(0, "127.0.0.1");
  await once(hole, "listening");
  await using collector = await startCollector();
  const { port } = hole.address() as AddressInfo;
  await using child = startChild("process.ts", preload, { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
  await child.said("listening");
  await callOnce(child.output(), collector.url);
  child.kill("SIGTERM");
  expect(await child.ended).toEqual({ code: 0, signal: null });
  hole.closeAllConnections();
  hole.close();
});

test("without an endpoint no SDK is loaded, and the caller's trace passes through", async () => {
  await using collector = await startCollector();
  await using child = startChild("process.ts", preload);
  await child.said("listening");
  await callOnce(child.output(), collector.url, { traceparent });
  expect(collector.calls[0]?.headers).toMatchObject({ traceparent });
  expect(collector.spans).toEqual([]);
});
