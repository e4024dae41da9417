import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { newId } from "@throughline/envelope";
import { connect } from "@throughline/local/testing";
import { enqueue } from "@throughline/outbox";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { type Metric, type Span, startCollector } from "./testing/collector.ts";
import { rowsOf } from "./testing/database.ts";
import { runDeadLetters } from "./testing/dead-letters-command.ts";
import { openDoors } from "./testing/doors.ts";
import { type Fleet, startFleet } from "./testing/fleet.ts";
import { orderOf, shopOf } from "./testing/shop.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const callerSpanId = "b7ad6b7169203331";
const root = fileURLToPath(new URL("../..", import.meta.url));

let collector: Awaited<ReturnType<typeof startCollector>>;
let fleet: Fleet;
beforeAll(async () => {
  collector = await startCollector();
  fleet = await startFleet({
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_METRICS_EXPORTER: "otlp",
      OTEL_METRIC_EXPORT_INTERVAL: "1000",
      OTEL_METRIC_EXPORT_TIMEOUT: "1000",
      // What is seen here was sampled by who called, or is linked to it.
      OTEL_TRACES_SAMPLER_ARG: "0",
      LINK_TYPES: "stock.rejected",
    },
  });
}, 120_000);
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
}, 60_000);

test("one order is one tree, from the caller's span over all brokers to the last view", async () => {
  const shop = shopOf(fleet);
  const sku = await shop.stocked(10);
  const { orderId } = await shop.place(orderOf(sku), { traceparent: `00-${traceId}-${callerSpanId}-01` });
  expect(await shop.ended(orderId)).toMatchObject({ status: "completed" });
  const spans = () => collector.spans.filter((span) => span.traceId === traceId);
  const isLast = ({ service, name }: Span) => service === "analytics" && /^process .*order\.completed$/.test(name);
  await vi.waitUntil(() => spans().some(isLast) && everyParent(spans()), { timeout: 60_000, interval: 100 });

  const roots = spans().filter(({ parentSpanId }) => parentSpanId === callerSpanId);
  expect(roots.map(({ name, kind, service }) => ({ name, kind, service }))).toEqual([
    { name: "POST /orders", kind: 2, service: "order" },
  ]);
  expect(new Set(spans().map(({ service }) => service))).toEqual(
    new Set(["order", "billing", "inventory", "analytics"]),
  );
  expect(new Set(spans().map(({ kind }) => kind))).toEqual(new Set([1, 2, 3, 4, 5]));
  const systems = spans().map(({ attributes }) => attributes["messaging.system"]);
  expect(new Set(systems.filter((system) => system !== undefined))).toEqual(
    new Set(["kafka", "rabbitmq", "aws.sns", "aws_sqs"]),
  );
  const sentTo = (name: string) =>
    spans().find((span) => span.name === `publish ${name}`)?.attributes["messaging.destination.name"];
  expect(sentTo("payment.requested")).toBe(`${fleet.namespace}.work:payment.requested`);
  expect(sentTo("stock.reserved")).toBe(`${fleet.namespace}.stock.reserved`);

  const last = spans().find(isLast);
  // Stock and payment answer in any order, and the later one completes the order.
  const paid = spans().find(({ service, name }) => service === "billing" && name === "create payment.completed");
  expect(wayTo(paid, spans())).toEqual(
    expect.arrayContaining(["order: POST /orders", "billing: create payment.requested"]),
  );
  expect(wayTo(last, spans())).toEqual(
    expect.arrayContaining(["order: POST /orders", "order: create order.completed"]),
  );
  const call = spans().find(({ service, attributes }) => service === "billing" && attributes["http.request.method"]);
  expect(call?.kind).toBe(3);
  expect(wayTo(call, spans()).slice(-2)).toEqual([`billing: process ${fleet.namespace}.billing.work`, "billing: POST"]);
  for (const where of ["outbox", "broker"]) {
    const waiting = spans().find(({ name }) => name === `wait ${where}`);
    expect(wayTo(waiting, spans()).at(-2), `before wait ${where}`).toMatch(/: create /);
  }
});

test("each message of an order is linked to the call that brought it, and to it the calls that brought and settled it", async () => {
  const shop = shopOf(fleet);
  const called = traceId.replace("0af7", "0ef7");
  const sku = await shop.stocked(10);
  const { orderId } = await shop.place(orderOf(sku), { traceparent: `00-${called}-${callerSpanId}-01` });
  expect(await shop.ended(orderId)).toMatchObject({ status: "completed" });
  const handled = () =>
    collector.spans.filter(({ traceId, name }) => traceId === called && name.startsWith("process "));
  const callsFor = (operation: string, { service, parentSpanId }: Span) =>
    collector.spans.filter(
      ({ name, links = [], ...span }) =>
        span.service === service &&
        name.startsWith(`${operation} `) &&
        links.some(({ spanId }) => spanId === parentSpanId),
    );
  const isPushed = ({ attributes }: Span) => attributes["messaging.system"] === "rabbitmq";
  const isWhole = (span: Span) =>
    callsFor("settle", span).length > 0 &&
    (isPushed(span) || callsFor("receive", span).some(({ spanId }) => span.links?.[0]?.spanId === spanId));
  const calls = () => handled().flatMap((span) => [...callsFor("receive", span), ...callsFor("settle", span)]);
  const isKnown = ({ spanId }: { readonly spanId: string }) => collector.spans.some((span) => span.spanId === spanId);
  await vi.waitFor(
    () => {
      const made = calls().map(({ name, attributes }) => `${name.split(" ")[0]} ${attributes["messaging.system"]}`);
      const pulled = ["receive kafka", "receive aws_sqs", "settle kafka", "settle aws_sqs"];
      expect(new Set(made)).toEqual(new Set([...pulled, "settle rabbitmq"]));
      expect(handled().filter((span) => !isWhole(span))).toEqual([]);
      expect(calls().flatMap(({ links = [] }) => links.filter((link) => !isKnown(link)))).toEqual([]);
    },
    { timeout: 60_000, interval: 100 },
  );
  expect(handled().flatMap((span) => (isPushed(span) ? (span.links ?? []) : []))).toEqual([]);
  for (const { kind, parentSpanId } of calls()) expect([kind, parentSpanId || "none"]).toEqual([3, "none"]);
});

test("a linked type is handled in a trace of its own, and so is what follows from it", async () => {
  const shop = shopOf(fleet);
  const refused = traceId.replace("0af7", "0ff7");
  const sku = await shop.stocked(0);
  const { orderId } = await shop.place(orderOf(sku), { traceparent: `00-${refused}-${callerSpanId}-01` });
  expect(await shop.ended(orderId)).toMatchObject({ status: "cancelled" });
  const creationOf = (type: string) =>
    collector.spans.find(
      ({ name, attributes }) => name === `create ${type}` && attributes["throughline.key"] === orderId,
    );
  const soon = { timeout: 60_000, interval: 100 };
  // Each service sends its spans by itself.
  const rejection = await vi.waitUntil(() => creationOf("stock.rejected"), soon);
  const cancellation = await vi.waitUntil(() => creationOf("order.cancelled"), soon);
  const root = await vi.waitUntil(
    () => collector.spans.find(({ spanId }) => spanId === cancellation.parentSpanId),
    soon,
  );
  expect(rejection.traceId).toBe(refused);
  expect(root).toMatchObject({ service: "order", traceId: cancellation.traceId, kind: 5 });
  expect(root.parentSpanId || "none").toBe("none");
  expect(root.links?.[0]).toMatchObject({ traceId: refused, spanId: rejection.spanId });
});

test("on every road, retries, a dead letter and its replay stay in the trace of their order, and log lines name it", async () => {
  const shop = shopOf(fleet);
  const troubled = traceId.replace("0af7", "0df7");
  const spans = () => collector.spans.filter((span) => span.traceId === troubled);
  const soon = { timeout: 60_000, interval: 100 };
  const sku = await shop.stocked(10);
  await rowsOf(fleet.databases.inventory, "alter table reservations rename to reservations_away");
  await rowsOf(fleet.databases.analytics, "alter table order_facts rename to order_facts_away");
  await shop.behave({ failureRate: 1 });
  const traceparent = `00-${troubled}-${callerSpanId}-01`;
  const { orderId, correlationId } = await shop.place(orderOf(sku), { traceparent });
  const hasFailed = ({ service, kind, status }: Span) => service === "billing" && kind === 5 && status?.code === 2;
  await vi.waitUntil(() => spans().some(hasFailed), soon);
  // Work is tried for minutes, but what happened to a payment that is closed cannot be written down.
  const close = (closedAt: string) =>
    rowsOf(
      fleet.databases.billing,
      `update streams set closed_at = ${closedAt} where stream_id = 'payment-${orderId}'`,
    );
  await close("now()");
  await shop.behave({});
  const dying = ["inventory", "analytics", "billing"] as const;
  const letterOf = async (service: (typeof dying)[number]) => {
    const text = `select number, road from dead_letters where key = '${orderId}'`;
    const [letter] = await rowsOf<{ number: string; road: string }>(fleet.databases[service], text);
    return letter;
  };
  const letters = await Promise.all(dying.map((service) => vi.waitUntil(() => letterOf(service), soon)));
  expect(letters.map(({ road }) => road)).toEqual(["sns-sqs", "kafka", "rabbitmq"]);

  await rowsOf(fleet.databases.inventory, "alter table reservations_away rename to reservations");
  await rowsOf(fleet.databases.analytics, "alter table order_facts_away rename to order_facts");
  await close("null");
  const replays = dying.map((service, nth) =>
    runDeadLetters(fleet, ["replay", `${service}-${letters[nth]?.number}`, "--as", "ann"], service),
  );
  for (const replay of await Promise.all(replays)) expect(replay).toMatchObject({ code: 0 });
  expect(await shop.ended(orderId)).toMatchObject({ status: "completed" });
  const isLast = ({ service, name }: Span) => service === "analytics" && /^process .*order\.completed$/.test(name);
  const replayed = () => spans().filter(({ name }) => name.startsWith("replay "));
  await vi.waitUntil(() => spans().some(isLast) && replayed().length === 3 && everyParent(spans()), soon);
  for (const { attributes } of replayed()) expect(attributes["throughline.by"]).toBe("ann");
  expect(new Set(replayed().map(({ attributes }) => attributes["messaging.system"]))).toEqual(
    new Set(["aws_sqs", "kafka", "rabbitmq"]),
  );

  const courseOf = (service: string, told: string) => {
    const { attributes = {} } = spans().find(({ name }) => name === `create ${told}`) ?? {};
    const id = attributes["messaging.message.id"];
    return spans()
      .filter((span) => span.service === service && span.attributes["messaging.message.id"] === id)
      .filter(({ name }) => /^(process|wait retry|set aside|replay)/.test(name))
      .sort((one, other) => Number(BigInt(one.startTimeUnixNano) - BigInt(other.startTimeUnixNano)))
      .map(({ name, status }) => {
        const step = name.replace(/^(process|set aside|replay) .*/, "$1");
        return status?.code === 2 && step === "process" ? "process failed" : step;
      });
  };
  const failedTwice = ["process failed", "wait retry", "process failed", "wait retry"];
  const course = [...failedTwice, "process failed", "set aside", "replay", "process"];
  expect(courseOf("inventory", "order.created")).toEqual(course);
  expect(courseOf("analytics", "order.created")).toEqual(course);
  expect(courseOf("billing", "payment.requested").join(", ")).toMatch(
    /^(process failed, wait retry, )+process failed, set aside, replay, process$/,
  );

  for (const service of dying) {
    const lines = fleet.services[service].output.filter((line) => line.includes("consuming goes on after a failure"));
    const ours = lines.map((line) => JSON.parse(line)).filter((line) => line.trace_id === troubled);
    expect(ours.map(({ deadLettered }) => deadLettered)).toEqual([...ours.slice(1).fill(false), true]);
    for (const line of ours)
      expect(line).toMatchObject({ correlation_id: correlationId, message_id: expect.any(String) });
  }
}, 180_000);

test("a trace that the caller did not want sampled is not sampled anywhere", async () => {
  const shop = shopOf(fleet);
  const unsampled = traceId.replace("0af7", "0bf7");
  const sku = await shop.stocked(10);
  const { orderId } = await shop.place(orderOf(sku), { traceparent: `00-${unsampled}-${callerSpanId}-00` });
  const sampled = await shop.place(orderOf(sku), {
    traceparent: `00-${traceId.replace("0af7", "0cf7")}-${callerSpanId}-01`,
  });
  await Promise.all([shop.ended(orderId), shop.ended(sampled.orderId)]);
  const hasArrived = (id: string) =>
    collector.spans.some((span) => span.traceId === id && span.service === "analytics");
  await vi.waitUntil(() => hasArrived(traceId.replace("0af7", "0cf7")), { timeout: 60_000 });
  expect(collector.spans.filter((span) => span.traceId === unsampled)).toEqual([]);
  const linked = collector.spans.flatMap(({ links = [] }) => links).map(({ traceId }) => traceId);
  expect(linked).not.toContain(unsampled);
  // Nobody has asked for those that begin here, by the share that is set above.
  expect(collector.spans.filter(({ parentSpanId, links = [] }) => !parentSpanId && links.length === 0)).toEqual([]);
});

test("what waits, what was handled, how old it was and how busy a process is are told as metrics", async () => {
  const shop = shopOf(fleet);
  const sku = await shop.stocked(10);
  const { orderId } = await shop.place(orderOf(sku));
  await shop.ended(orderId);
  const expected = [
    "messaging.process.duration",
    "throughline.outbox.waiting",
    "throughline.outbox.oldest",
    "throughline.outbox.lag",
    "throughline.outbox.parked",
    "throughline.outbox.parked_keys",
    "throughline.outbox.dead",
    "throughline.outbox.age",
    "throughline.inbox.messages",
    "throughline.inbox.waiting",
    "throughline.inbox.parked_keys",
    "throughline.inbox.age",
    "db.client.connection.count",
    "db.client.connection.pending_requests",
    "nodejs.eventloop.delay.p99",
    "nodejs.eventloop.delay.max",
  ];
  const lacking = (service: string) =>
    expected.filter((name) => !collector.metrics.some((metric) => metric.service === service && metric.name === name));
  const publishing = ["order", "billing", "inventory"];
  await vi.waitUntil(() => publishing.every((service) => lacking(service).length === 0), { timeout: 60_000 });
  const handled = collector.metrics.findLast(
    ({ service, name }) => service === "billing" && name === "throughline.inbox.messages",
  );
  expect(JSON.stringify(handled)).toContain('"throughline.outcome"');
});

test("what dashboards and alerts ask for is sent", async () => {
  await using opened = new AsyncDisposableStack();
  const questions = readQuestions();
  expect(new Set(questions.flatMap(({ metrics }) => metrics)).size).toBeGreaterThan(10);
  const { doors } = opened.use(await openDoors(fleet));
  for (const door of doors) await door.send(Buffer.from("{"));
  await inOpenTransaction(async () => {
    const shop = shopOf(fleet);
    await shop.place(orderOf(await shop.stocked(10)));
    await vi.waitFor(
      () => {
        const sent = labelsSent(collector.metrics);
        expect(questions.flatMap((question) => lackingTo(question, sent))).toEqual([]);
      },
      { timeout: 40_000, interval: 500 },
    );
  });
});

/** While somebody has told something in the database of orders, and neither commits nor goes. */
async function inOpenTransaction(work: () => Promise<void>): Promise<void> {
  await using forgetful = connect(fleet.databases.order);
  const undone = new Error("undone");
  const transaction = forgetful.database.transaction(async (tx) => {
    const told = { type: "order.created", version: "1", key: newId(), data: {} };
    // At the end of a savepoint, and so before that of the transaction.
    await tx.transaction((inner) => enqueue(inner, "forgetful", [told]));
    await work();
    throw undone;
  });
  await expect(transaction).rejects.toBe(undone);
}

/** True where each span's parent has arrived, the caller's own aside. */
function everyParent(spans: readonly Span[]): boolean {
  const known = new Set([callerSpanId, ...spans.map(({ spanId }) => spanId)]);
  return spans.every(({ parentSpanId }) => parentSpanId !== undefined && known.has(parentSpanId));
}

/** Each step from the root down to the span, without the names of queues and topics. */
function wayTo(span: Span | undefined, spans: readonly Span[]): string[] {
  return pathTo(span, spans).map(
    ({ service, name }) => `${service}: ${name.replace(/ \S*?((order|payment|stock)\.\w+)$/, " $1")}`,
  );
}

/** From the root down to the span. */
function pathTo(span: Span | undefined, spans: readonly Span[]): Span[] {
  if (span === undefined) return [];
  return [
    ...pathTo(
      spans.find(({ spanId }) => spanId === span.parentSpanId),
      spans,
    ),
    span,
  ];
}

/** The metrics that somebody asks for in one go, and the labels by which they are told apart. */
type Question = { readonly metrics: readonly string[]; readonly labels: readonly string[] };
type Panels = { readonly panels: readonly { readonly targets: readonly { expr: string; legendFormat: string }[] }[] };
type Rules = { readonly groups: readonly { readonly rules: readonly { expr: string; annotations: object }[] }[] };
type Tests = { readonly tests: readonly { readonly input_series: readonly { readonly series: string }[] }[] };

/** Of the dashboards, of the alerts and of their tests. */
function readQuestions(): Question[] {
  const [dashboards, rules, tests] = [
    "grafana/dashboards/*.json",
    "prometheus/alerts.yml",
    "prometheus/alerts.test.yml",
  ]
    .map((files) => globSync(`infra/${files}`, { cwd: root }))
    .map((files) => files.map((file) => parse(readFileSync(`${root}/${file}`, "utf8"))));
  const targets = (dashboards as Panels[]).flatMap(({ panels }) => panels).flatMap((panel) => panel.targets);
  const alerts = (rules as Rules[]).flatMap(({ groups }) => groups).flatMap((group) => group.rules);
  const series = (tests as Tests[]).flatMap((file) => file.tests).flatMap(({ input_series }) => input_series);
  return [
    ...targets.map(({ expr, legendFormat }) => questionIn(expr, legendFormat)),
    ...alerts.map(({ expr, annotations }) => questionIn(expr, JSON.stringify(annotations))),
    ...series.map(({ series }) => questionIn(series)),
  ];
}

function questionIn(expression: string, words = ""): Question {
  const metrics = expression
    .replaceAll(/\bby \([^)]*\)|\{[^}]*\}/g, "")
    .match(/\b(throughline|messaging|nodejs|db)_\w+/g);
  const groupings = [...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = ""]) => names.split(", "));
  const filters = [...expression.matchAll(/(\w+)=~?"/g)].map(([, name = ""]) => name);
  const shown = [...words.matchAll(/\{\{ ?(?:\$labels\.)?(\w+)/g)].map(([, name = ""]) => name);
  return { metrics: metrics ?? [], labels: [...groupings, ...filters, ...shown] };
}

/** What of a question no metric answers. */
function lackingTo({ metrics, labels }: Question, sent: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const unknown = labels.filter((label) => !metrics.some((name) => sent.get(name)?.has(label)));
  return [...metrics.filter((name) => !sent.has(name)), ...unknown.map((label) => `${metrics.join()} by ${label}`)];
}

/** By metric, its labels in Prometheus, and those that a service and a histogram have anyway. */
function labelsSent(sent: readonly Metric[]): Map<string, Set<string>> {
  const labels = new Map<string, Set<string>>();
  for (const metric of sent) {
    const { dataPoints } = metric.gauge ?? metric.sum ?? metric.histogram ?? { dataPoints: [] };
    const own = dataPoints.flatMap(({ attributes = [] }) => attributes).map(({ key }) => key.replaceAll(".", "_"));
    for (const name of namesInPrometheus(metric)) {
      const known = labels.get(name) ?? new Set(["service_name", "service_instance_id", "le"]);
      labels.set(name, known.union(new Set(own)));
    }
  }
  return labels;
}

/** As its OTLP receiver calls them: https://prometheus.io/docs/guides/opentelemetry */
function namesInPrometheus({ name, unit, sum, histogram }: Metric): string[] {
  const base = `${name.replaceAll(".", "_")}${unit === "s" ? "_seconds" : ""}`;
  if (histogram) return [`${base}_bucket`, `${base}_count`, `${base}_sum`];
  return [sum?.isMonotonic ? `${base}_total` : base];
}
