import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { serveHttp } from "@throughline/service";
import express, { Router } from "express";
import { expect, test, vi } from "vitest";
import { serveOtlp } from "./otlp.ts";
import { protobuf, readProtobuf } from "./otlp-protobuf.ts";
import { spansOf, tracesBody } from "./spans.ts";
import { createTraces } from "./traces.ts";

const quiet = { service: "test", httpHost: "127.0.0.1", port: 0, logLevel: "silent", shutdownGraceMs: 1_000 };
const soon = { timeout: 10_000 };

test("spans are kept and handed on, and whoever does not take them delays nobody", async () => {
  const received: unknown[] = [];
  let isTaking = true;
  let [open, mostOpen] = [0, 0];
  const routes = Router();
  routes.post("/v1/traces", ({ body }, response) => {
    received.push(body);
    mostOpen = Math.max(mostOpen, ++open);
    response.once("close", () => --open);
    if (isTaking) response.json({});
  });
  await using jaeger = await serveHttp(quiet, { routes });
  const traces = createTraces({ mostSpans: 100 });
  await using console = await serveOtlp(quiet, traces, { forwardUrl: `${jaeger.url}/` });
  const send = async (spanId: string) => {
    const sent = batchOf(spanId);
    expect(await statusOf(console.url, sent)).toBe(200);
    return sent;
  };

  const sent = await send("a");
  await vi.waitUntil(() => received.length === 1, soon);
  expect(received).toEqual([sent]);
  isTaking = false;
  for (let nth = 0; nth < 20; nth += 1) await send(`b${nth}`);
  expect(traces.about("o-1")).toHaveLength(21);
  await vi.waitUntil(() => received.length > 1, soon);
  expect(mostOpen).toBeLessThanOrEqual(8);
});

test("spans in the encoding that an SDK takes by itself are kept, and handed on as they came", async () => {
  const received: { readonly type: string | undefined; readonly body: Buffer }[] = [];
  const routes = Router();
  routes.post("/v1/traces", express.raw({ type: protobuf }), (request, response) => {
    received.push({ type: request.get("content-type"), body: request.body });
    response.end();
  });
  await using jaeger = await serveHttp(quiet, { routes });
  const traces = createTraces({ mostSpans: 100 });
  await using console = await serveOtlp(quiet, traces, { forwardUrl: jaeger.url });
  const [traceId, spanId] = ["a".repeat(32), "b".repeat(16)];
  const attributes = { "throughline.key": "o-1", items: 7, change: -7, share: 0.5, isNew: true, customer: "Zoë" };
  await runTraced(
    console.url,
    `const { trace } = await import("@opentelemetry/api");
    const links = [{ context: { traceId: "${traceId}", spanId: "${spanId}", traceFlags: 1 } }];
    const span = trace.getTracer("shop").startSpan("create", { attributes: ${JSON.stringify(attributes)}, links });
    span.setStatus({ code: 2, message: "no card" }).end();`,
  );

  const kept = traces.about("o-1");
  const ids = { traceId: expect.stringMatching(/^[0-9a-f]{32}$/), spanId: expect.stringMatching(/^[0-9a-f]{16}$/) };
  const times = { startMs: expect.any(Number), endMs: expect.any(Number) };
  expect(kept).toEqual([
    { ...ids, ...times, service: "shop", name: "create", parentSpanId: spanId, attributes, error: "no card" },
  ]);
  expect(kept[0]?.startMs).toBeGreaterThan(Date.now() - 60_000);
  await vi.waitUntil(() => received.length === 1, soon);
  const { type, body = Buffer.alloc(0) } = received[0] ?? {};
  expect([type, spansOf(readProtobuf(body))]).toEqual([protobuf, kept]);
  for (let end = 1; end < body.length; end += 1) {
    expect(() => readProtobuf(body.subarray(0, end))).toThrow("Bad Request");
  }
});

test("each path answers in the encoding that it was asked in, and tells bytes that are no spans", async () => {
  await using console = await serveOtlp(quiet, createTraces({ mostSpans: 1 }));
  const ask = async (signal: string, type: string, body: string) => {
    const answer = await fetch(`${console.url}/v1/${signal}`, {
      method: "POST",
      headers: { "content-type": type },
      body,
    });
    return [answer.status, answer.headers.get("content-type")?.split(";")[0], await answer.text()];
  };
  for (const signal of ["traces", "metrics", "logs"]) {
    expect(await ask(signal, "application/json", "{}")).toEqual([200, "application/json", "{}"]);
    expect(await ask(signal, protobuf, "")).toEqual([200, protobuf, ""]);
  }
  expect(await ask("traces", protobuf, "{}")).toMatchObject([400, "application/problem+json", expect.anything()]);
});

test("as many spans as the SDK sends together are taken, where each has the text of a long statement", async () => {
  const traces = createTraces({ mostSpans: 1_000 });
  await using console = await serveOtlp(quiet, traces);
  const long = { "throughline.key": "o-1", "db.query.text": "x".repeat(2_800) };
  const resourceSpans = Array.from({ length: 512 }, (_, nth) => batchOf(`${nth}`, long).resourceSpans).flat();
  expect(await statusOf(console.url, { resourceSpans })).toBe(200);
  expect(traces.about("o-1")).toHaveLength(512);
});

test("calls for many messages, and statements, take no room from the steps of one", () => {
  const traces = createTraces({ mostSpans: 1 });
  const keep = (sent: object) => traces.add(spansOf(tracesBody.parse(sent)));
  keep(batchOf("a"));
  for (const type of ["send", "receive", "settle"]) keep(batchOf(type, { "messaging.operation.type": type }));
  keep(batchOf("b", { "db.system.name": "postgresql" }));
  expect(traces.about("o-1")).toHaveLength(1);
});

/** Runs a program with the SDK, which sends to `url` in its own default encoding. */
async function runTraced(url: string, program: string): Promise<void> {
  const settings = { OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf", OTEL_EXPORTER_OTLP_COMPRESSION: "gzip" };
  const env = { ...process.env, ...settings, OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_SERVICE_NAME: "shop" };
  const args = ["--import", "@throughline/service/preload", "--input-type=module", "--eval", program];
  await promisify(execFile)(process.execPath, args, { env, cwd: import.meta.dirname });
}

async function statusOf(url: string, sent: object): Promise<number> {
  const headers = { "content-type": "application/json" };
  const { status } = await fetch(`${url}/v1/traces`, { method: "POST", headers, body: JSON.stringify(sent) });
  return status;
}

function batchOf(spanId: string, own: Readonly<Record<string, string>> = { "throughline.key": "o-1" }) {
  const attributes = Object.entries(own).map(([key, stringValue]) => ({ key, value: { stringValue } }));
  const span = { spanId, name: "create", startTimeUnixNano: "1", endTimeUnixNano: "2", attributes };
  return {
    resourceSpans: [{ scopeSpans: [{ spans: [{ ...span, traceId: `t-${own["throughline.key"] ?? spanId}` }] }] }],
  };
}
