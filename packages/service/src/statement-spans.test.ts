import { createTestDatabase } from "@throughline/local/testing";
import { expect, test } from "vitest";
import { startChild } from "./testing/child.ts";
import { type Span, startCollector } from "./testing/collector.ts";

const preload = ["--import", "@throughline/service/preload"];
const pg = { OTEL_NODE_ENABLED_INSTRUMENTATIONS: "pg" };

const attributeOf = ({ attributes }: Span, name: string) => attributes.find(({ key }) => key === name)?.value;

/** A process with a database, and whoever takes its spans. */
async function start(env: NodeJS.ProcessEnv) {
  await using opened = new AsyncDisposableStack();
  const collector = opened.use(await startCollector());
  const { url } = opened.use(await createTestDatabase());
  const common = { DATABASE_URL: url, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: "10" };
  const child = opened.use(startChild("process.ts", preload, { ...common, ...env }));
  await child.said("listening");
  const get = async (path: string) => {
    const answer = await fetch(`${/"url":"([^"]+)"/.exec(child.output())?.[1]}${path}`);
    return { status: answer.status, body: await answer.json() };
  };
  const end = async () => {
    child.kill("SIGTERM");
    expect(await child.ended).toEqual({ code: 0, signal: null });
  };
  const stack = opened.move();
  return { ...collector, get, end, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test("a statement is a span below the request that asks it, with its text and without its values", async () => {
  await using running = await start({ ...pg, OTEL_METRICS_EXPORTER: "otlp" });
  const { spans, metrics } = running;
  expect(await running.get("/number/1918273645")).toEqual({ status: 200, body: [{ number: 1918273645 }] });
  expect(await running.get("/number/hunter2")).toMatchObject({ status: 500 });
  await running.end();

  const requests = spans.filter(({ kind }) => kind === 2);
  expect(requests).toHaveLength(2);
  const ask = "select $1::integer as number";
  for (const [request, end] of [
    [requests[0], "commit"],
    [requests[1], "rollback"],
  ] as const) {
    const below = spans.filter(({ traceId, spanId }) => traceId === request?.traceId && spanId !== request?.spanId);
    expect(new Set(below.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([request?.spanId]));
    const texts = below.map((span) => attributeOf(span, "db.query.text"));
    expect(texts).toEqual(["begin", ask, end].map((stringValue) => ({ stringValue })));
  }
  const asked = spans.filter((span) => JSON.stringify(attributeOf(span, "db.query.text"))?.includes(ask));
  for (const span of asked) expect(attributeOf(span, "db.system.name")).toEqual({ stringValue: "postgresql" });
  expect(asked.map(({ status }) => status.code)).toEqual([0, 2]);
  expect(JSON.stringify(spans.filter(({ kind }) => kind !== 2))).not.toMatch(/1918273645|hunter2/);
  // Those of the pool are counted by us.
  expect(metrics).toContain("throughline: db.client.connection.count");
  expect(metrics.filter((name) => name.includes("instrumentation"))).toEqual([]);
});

test("what a check or a process asks by itself has no span", async () => {
  await using running = await start(pg);
  expect(await running.get("/readyz")).toMatchObject({ status: 200 });
  await running.get("/number/1");
  await running.end();
  const [request] = running.spans.filter(({ kind }) => kind === 2);
  expect(new Set(running.spans.map(({ traceId }) => traceId))).toEqual(new Set([request?.traceId]));
});

test("statements have no spans where nobody asked for them", async () => {
  await using running = await start({});
  await running.get("/number/1");
  await running.end();
  expect(running.spans.map(({ kind }) => kind)).toEqual([2]);
});

test("it does not matter that pg was loaded before the preload", async () => {
  await using running = await start({ ...pg, NODE_OPTIONS: "--import=pg" });
  await running.get("/number/1");
  await running.end();
  expect(running.spans.map(({ name }) => name)).toContainEqual(expect.stringContaining("pg.query:COMMIT"));
});

test("a process whose statements would have no spans although they should refuses to start", async () => {
  const otherSdk = ["--import", new URL("testing/other-sdk.ts", import.meta.url).href];
  await using child = startChild("process.ts", otherSdk, { ...pg, OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" });
  expect(await child.ended).toEqual({ code: 1, signal: null });
  expect(child.output()).toContain("statements have no spans: start with --import @throughline/service/preload");
});

test("libraries that others would have make spans are refused where there is an endpoint, and only there", async () => {
  const others = { OTEL_NODE_ENABLED_INSTRUMENTATIONS: "http,pg" };
  await using child = startChild("process.ts", preload, others);
  await child.said("listening");
  await using sending = startChild("process.ts", preload, {
    ...others,
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
  });
  expect(await sending.ended).toEqual({ code: 1, signal: null });
  expect(sending.output()).toMatch(/is "http,pg", expected pg or nothing: http and express have spans of our own, /);
});
