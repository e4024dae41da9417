import { serveHttp } from "@throughline/service";
import { Router } from "express";
import { expect, test, vi } from "vitest";
import { serveOtlp } from "./otlp.ts";
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
