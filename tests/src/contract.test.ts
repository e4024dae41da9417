import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { GetQueueAttributesCommand, GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { eventTypes } from "@throughline/contracts";
import type { Envelope } from "@throughline/envelope";
import { testBrokers, uniqueName } from "@throughline/local/testing";
import { connect } from "amqplib";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { rowsOf } from "./testing/database.ts";
import { type Fleet, serviceNames, startFleet } from "./testing/fleet.ts";
import { type Call, call, get } from "./testing/http.ts";
import { orderOf, shopOf } from "./testing/shop.ts";
import { openAws, openTaps, type Sighting, type Taps } from "./testing/taps.ts";

const patience = { timeout: 30_000, interval: 100 };
const hasKcat = (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, "kcat")));
/** In CI, a missing kcat is a failure. */
const isKcatExcused = !hasKcat && process.env.CI !== "true";
const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const traceId = "0af7651916cd43dd8448eb211c80319c";
const correlationId = uniqueName("request-");
const caller = { "x-correlation-id": correlationId, traceparent: `00-${traceId}-b7ad6b7169203331-01` };

let fleet: Fleet;
let shop: ReturnType<typeof shopOf>;
let taps: Taps;
let sku: string;
/** Orders of one caller whose ends have been seen: one completed, one express, one declined. */
let completed: string;
let express: string;
let declined: string;
beforeAll(async () => {
  fleet = await startFleet();
  taps = await openTaps(fleet.namespace);
  shop = shopOf(fleet);
  sku = await shop.stocked(100);
  [completed, express, declined] = await Promise.all([
    shop.place(orderOf(sku), caller).then(({ orderId }) => orderId),
    shop.place({ ...orderOf(sku, 2_000), express: true }, caller).then(({ orderId }) => orderId),
    shop.place(orderOf(sku, 1_413), caller).then(({ orderId }) => orderId),
  ]);
  const last = [`order.completed ${completed}`, `order.completed ${express}`, `order.cancelled ${declined}`];
  const seen = () => taps.sightings.map(({ envelope: { type, key } }) => `${type} ${key}`);
  await vi.waitUntil(() => last.every((message) => seen().includes(message)), { timeout: 60_000, interval: 100 });
}, 180_000);
afterAll(async () => {
  await taps[Symbol.asyncDispose]();
  await fleet[Symbol.asyncDispose]();
}, 60_000);

test("POST /orders answers 201 with the order's address", async () => {
  const { status, headers, body } = await ask("order", "/orders", post(orderOf(sku)));
  expect({ status, body }).toEqual({
    status: 201,
    body: {
      orderId: expect.stringMatching(uuid7),
      status: "placed",
      totalInCents: 1_496,
      currency: "USD",
      correlationId,
    },
  });
  const { orderId } = body as { orderId: string };
  expect(headers.get("location")).toBe(`/orders/${orderId}`);
  expect(headers.get("x-correlation-id")).toBe(correlationId);
  expect(await ask("order", headers.get("location") ?? "")).toMatchObject({ status: 200, body: { orderId } });
});

test("GET /orders/{orderId} answers the order, with the reason where it was cancelled", async () => {
  const order = {
    ...{ customerId: "c-1", currency: "USD", express: false, placedAt: expect.stringMatching(time) },
    updatedAt: expect.stringMatching(time),
  };
  expect((await ask("order", `/orders/${completed}`)).body).toEqual({
    ...{ ...order, orderId: completed, status: "completed", payment: "completed", stock: "reserved" },
    ...{ totalInCents: 1_496, items: orderOf(sku).items },
  });
  expect((await ask("order", `/orders/${declined}`)).body).toEqual({
    ...{ ...order, orderId: declined, status: "cancelled", reason: "card declined", payment: "failed" },
    ...{ stock: expect.any(String), totalInCents: 1_413, items: orderOf(sku, 1_413).items },
  });
});

test("GET /orders answers a page and where the next one begins", async () => {
  const { body } = await ask("order", "/orders?customerId=c-1&limit=2");
  expect(body).toEqual({ orders: [expect.any(Object), expect.any(Object)], after: expect.stringMatching(uuid7) });
  expect((await ask("order", "/orders?customerId=nobody")).body).toEqual({ orders: [] });
});

test("GET /orders/{orderId}/history answers each event with version, type, data and time", async () => {
  const { events } = await get<{ events: object[] }>(`${fleet.services.order.url}/orders/${completed}/history`);
  expect(events).toHaveLength(4);
  for (const [index, event] of events.entries()) {
    const known = { version: index + 1, type: expect.any(String), data: expect.any(Object) };
    expect(event).toMatchObject({ ...known, at: expect.stringMatching(time) });
  }
});

test("POST /orders/{orderId}/cancellation answers 202, with or without a reason", async () => {
  const { orderId } = await shop.place(orderOf(await shop.stocked(0)));
  const cancellation = await ask("order", `/orders/${orderId}/cancellation`, post({ reason: "a gift" }));
  expect(cancellation).toMatchObject({ status: 202, body: { orderId, status: "cancelled" } });
  expect((await ask("order", `/orders/${orderId}/cancellation`, post({}))).status).toBe(202);
  expect((await ask("order", `/orders/${orderId}/cancellation`, { method: "POST" })).status).toBe(202);
});

test("billing, inventory, analytics and the provider answer what they know", async () => {
  expect((await ask("billing", `/payments/${completed}`)).body).toEqual({
    ...{ orderId: completed, status: "charged", amountInCents: 1_496, currency: "USD" },
    ...{ reference: expect.stringMatching(/^charge-/), updatedAt: expect.stringMatching(time) },
  });
  const { events } = (await ask("billing", `/payments/${completed}/history`)).body as { events: { type: string }[] };
  expect(events.map(({ type }) => type)).toEqual(["requested", "charge-started", "charged"]);
  expect((await ask("inventory", `/reservations/${completed}`)).body).toMatchObject({
    ...{ orderId: completed, items: [{ sku, quantity: 1 }], createdAt: expect.stringMatching(time) },
  });
  const counted = { method: "PUT", body: { onHand: 7 } };
  const stock = { sku: "cd-7", onHand: 7, reserved: 0, available: 7 };
  expect(await ask("inventory", "/stock/cd-7", counted)).toMatchObject({ status: 200, body: stock });
  expect((await ask("inventory", "/stock/cd-7")).body).toEqual(stock);
  expect((await ask("analytics", "/reports/orders?from=1997-01-01&to=2000-01-01T00:00:00Z")).body).toEqual({
    ...{ orders: { placed: 0, completed: 0, cancelled: 0 }, pieces: 0, revenueByDay: [], revenue: [] },
  });
  const { revenueByDay } = (await ask("analytics", "/reports/orders")).body as { revenueByDay: object[] };
  expect(revenueByDay).toContainEqual({
    ...{ day: expect.stringMatching(/^\d{4}-\d\d-\d\d$/), currency: "USD" },
    ...{ orders: expect.any(Number), amountInCents: expect.any(Number) },
  });
  expect((await ask("provider", `/ledger?orderId=${completed}`)).body).toEqual([
    {
      ...{ kind: "charge", reference: expect.stringMatching(/^charge-/), orderId: completed, amountInCents: 1_496 },
      ...{ currency: "USD", idempotencyKey: expect.stringMatching(uuid7), at: expect.stringMatching(time) },
    },
  ]);
});

const good = orderOf("cd-1");
const key = { "idempotency-key": uniqueName("k-") };
const refusals: [status: number, what: string, at: () => string, asked: Call][] = [
  [400, "bad input", () => "/orders", post({ ...good, currency: "dollars", items: [] })],
  [404, "an unknown order", () => `/orders/${randomUUID()}`, {}],
  [404, "the history of an unknown order", () => `/orders/${randomUUID()}/history`, {}],
  [404, "cancelling an unknown order", () => `/orders/${randomUUID()}/cancellation`, post({})],
  [404, "an unknown path", () => "/pizzas", {}],
  [405, "an unknown method", () => "/orders", { method: "DELETE" }],
  [409, "cancelling a completed order", () => `/orders/${completed}/cancellation`, post({})],
  [413, "more than a mebibyte", () => "/orders", post({ ...good, customerId: "c".repeat(1_024 * 1_024) })],
  [415, "another media type", () => "/orders", { ...post("a=1"), headers: { "content-type": "text/plain" } }],
  [422, "another body under the same key", () => "/orders", { ...post({ ...good, customerId: "c-2" }), headers: key }],
];

test.each(refusals)("%i answers %s, as a problem with the caller's correlation id", async (status, _, at, asked) => {
  if (status === 422) await shop.place(good, key);
  const answer = await ask("order", at(), asked);
  expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
  expect(answer.headers.get("x-correlation-id")).toBe(correlationId);
  expect(answer).toMatchObject({ status, body: { type: "about:blank", title: expect.any(String), status } });
  if (status === 405) expect(answer.headers.get("allow")).toBe("POST, GET");
  if (status !== 400) return;
  const { errors } = answer.body as { errors: readonly { readonly path: string; readonly message: string }[] };
  expect(errors.map(({ path }) => path)).toEqual(["currency", "items"]);
});

test("a request without a correlation id gets one", async () => {
  const answers = [await call(`${fleet.services.order.url}/livez`), await call(`${fleet.services.billing.url}/pizzas`)];
  for (const { headers } of answers) expect(headers.get("x-correlation-id")).toMatch(uuid7);
});

test.each(serviceNames)("%s is alive and ready", async (name) => {
  expect(await ask(name, "/livez")).toMatchObject({ status: 200, body: { status: expect.any(String) } });
  expect(await ask(name, "/readyz")).toMatchObject({ status: 200, body: { status: "ready" } });
});

test.each(["order", "billing", "inventory", "analytics"] as const)("%s tells what it is doing", async (service) => {
  const relay = { destination: expect.any(String), waiting: expect.any(Number), parked: 0, dead: 0 };
  const consumer = {
    handled: expect.any(Number),
    duplicates: expect.any(Number),
    parked: 0,
    parkedKeys: 0,
    roads: expect.any(Array),
  };
  const { status, body, headers } = await ask(service, "/status");
  expect({ status, body }).toMatchObject({
    status: 200,
    body: { service, consumers: expect.arrayContaining([expect.objectContaining({ group: service, ...consumer })]) },
  });
  const publishes = { relay: expect.arrayContaining([expect.objectContaining(relay)]) };
  if (service !== "analytics") expect(body).toMatchObject(publishes);
  expect(headers.get("x-correlation-id")).toBe(correlationId);
});

test.each(["billing", "inventory", "analytics", "provider"] as const)(
  "%s answers an unknown path as order does",
  async (service) => {
    const { status, headers, body } = await ask(service, "/pizzas");
    expect({ status, body }).toMatchObject({ status: 404, body: { title: "Not Found", status: 404, correlationId } });
    expect(headers.get("content-type")).toMatch(/^application\/problem\+json/);
    expect(headers.get("x-correlation-id")).toBe(correlationId);
  },
);

test("every message is an envelope as documented, whatever brought it, with nothing more in it", () => {
  const own = sightingsOf(completed, express, declined);
  expect(own.length).toBeGreaterThan(0);
  const sources = { order: "order-service", payment: "billing-service", stock: "inventory-service" };
  for (const { envelope } of own) {
    const [noun = "order"] = envelope.type.split(".");
    const { orderId } = envelope.data as { orderId: string };
    expect(envelope).toEqual({
      ...{ id: expect.stringMatching(uuid7), type: envelope.type, version: "1" },
      ...{ timestamp: expect.stringMatching(time), source: sources[noun as keyof typeof sources] },
      ...{ key: orderId, sequence: expect.any(Number), correlationId, data: expect.any(Object) },
      ...(envelope.type === "order.created" ? {} : { causationId: expect.stringMatching(uuid7) }),
      traceparent: expect.stringMatching(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`)),
    });
  }
});

test("the messages of one source about one key count 1, 2, 3", async () => {
  const sequences = () => {
    const messages = new Map(sightingsOf(completed, express).map(({ envelope }) => [envelope.id, envelope])).values();
    const byKey = Map.groupBy(messages, ({ source, key }) => `${source} ${key}`);
    return [...byKey].map(([name, own]) => [name, own.map(({ sequence }) => sequence).toSorted()]);
  };
  const expected = [completed, express].flatMap((orderId) => [
    [`order-service ${orderId}`, [1, 2]],
    [`billing-service ${orderId}`, [1, 2]],
    [`inventory-service ${orderId}`, [1]],
  ]);
  await vi.waitFor(() => expect(sequences().toSorted()).toEqual(expected.toSorted()), patience);
});

test("one message is the same bytes on every broker", () => {
  for (const sightings of Map.groupBy(taps.sightings, ({ envelope }) => envelope.id).values()) {
    expect(new Set(sightings.map(({ body }) => body)).size).toBe(1);
  }
});

test.skipIf(!testBrokers.kafka)("on Kafka each type has its topic, its key and its headers", () => {
  const seen = taps.sightings.filter((sighting) => sighting.broker === "kafka");
  const always = ["order.created", "order.completed", "order.cancelled", "payment.completed", "stock.reserved"];
  for (const type of always) expect(has(seen, type)).toBe(true);
  for (const { topic, envelope, message } of seen) {
    const { id, type, version, source, correlationId, causationId, traceparent } = envelope;
    expect(eventTypes).toContain(type);
    expect(topic).toBe(`${fleet.namespace}.${type}`);
    expect(String(message.key)).toBe(envelope.key);
    const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]);
    const known = { id, eventType: type, schemaVersion: version, source, correlationId, causationId, traceparent };
    expect(Object.fromEntries(headers)).toEqual(Object.fromEntries(Object.entries(known).filter(([, value]) => value)));
  }
});

test.skipIf(!testBrokers.kafka || isKcatExcused)("kcat reads key, headers and value of a topic", async () => {
  const topic = `${fleet.namespace}.order.created`;
  const asked = ["-b", testBrokers.kafka ?? "", "-t", topic, "-C", "-e", "-q", "-f", "%k\t%h\t%s\n"];
  const { stdout } = await promisify(execFile)("kcat", asked);
  const [orderId, headers, value = ""] =
    stdout
      .split("\n")
      .find((line) => line.startsWith(completed))
      ?.split("\t") ?? [];
  expect(orderId).toBe(completed);
  expect(headers).toContain(`correlationId=${correlationId}`);
  expect(JSON.parse(value)).toMatchObject({ type: "order.created", key: completed });
});

test.skipIf(!testBrokers.kafka)("Kafka's groups and topics of dead letters have their names", async () => {
  const kafka = new Kafka({ brokers: [testBrokers.kafka ?? ""], logLevel: logLevel.NOTHING });
  await using opened = new AsyncDisposableStack();
  const [admin, producer] = [kafka.admin(), kafka.producer({ allowAutoTopicCreation: false })];
  opened.defer(async () => void (await Promise.all([admin.disconnect(), producer.disconnect()])));
  await Promise.all([admin.connect(), producer.connect()]);
  const groups = (await admin.listGroups()).groups.map(({ groupId }) => groupId);
  expect(groups).toEqual(expect.arrayContaining([`${fleet.namespace}.order`, `${fleet.namespace}.analytics`]));
  const topics = await admin.listTopics();
  expect(topics).toEqual(expect.arrayContaining(eventTypes.map((type) => `${fleet.namespace}.${type}`)));

  const topic = `${fleet.namespace}.stock.reserved`;
  const [wrong] = wrongMessages("stock.reserved");
  const [sent] = await producer.send({ topic, messages: [{ key: "o-1", value: wrong ?? "" }] });
  const letters = () => taps.sightings.filter(({ body, ...sighting }) => body === wrong && isDeadLetter(sighting));
  const groupsOf = () => letters().map((letter) => letter.broker === "kafka" && String(letter.message.headers?.group));
  await expect.poll(() => groupsOf().toSorted(), patience).toEqual(["analytics", "order"]);
  for (const letter of letters()) {
    if (letter.broker !== "kafka") continue;
    const { originalTopic, originalPartition, originalOffset, errorMessage } = letter.message.headers ?? {};
    expect([letter.topic, String(letter.message.key), String(originalTopic)]).toEqual([`${topic}.DLT`, "o-1", topic]);
    const position = [String(originalPartition), String(originalOffset)];
    expect(position).toEqual([String(sent?.partition), sent?.baseOffset]);
    expect(String(errorMessage)).toMatch(/Not a message stock\.reserved/);
  }
});

test("SNS hands the envelope on raw, with at most ten attributes", () => {
  const seen = taps.sightings.filter((sighting) => sighting.broker === "sns-sqs");
  for (const type of ["order.created", "order.completed", "order.cancelled"]) expect(has(seen, type)).toBe(true);
  for (const { envelope, message } of seen) {
    const { type, version, correlationId, traceparent } = envelope;
    const attributes = Object.entries(message.MessageAttributes ?? {});
    expect(attributes.length).toBeLessThanOrEqual(10);
    const texts = Object.fromEntries(attributes.map(([name, { StringValue }]) => [name, StringValue]));
    const trace = traceparent === undefined ? {} : { traceparent };
    expect(texts).toEqual({ eventType: type, schemaVersion: version, correlationId, ...trace });
  }
});

test.each(["billing", "inventory"])("%s has its queue on SQS, and one for dead letters", async (service) => {
  await using opened = new AsyncDisposableStack();
  const { sqs } = openAws(opened);
  const attributesOf = async (QueueName: string) => {
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName }));
    return (await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }))).Attributes ?? {};
  };
  const queue = await attributesOf(`${fleet.namespace}-${service}`);
  const deadLetters = await attributesOf(`${fleet.namespace}-${service}-dlq`);
  const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(queue.RedrivePolicy ?? "{}");
  expect({ deadLetterTargetArn, maxReceiveCount: Number(maxReceiveCount) }).toEqual({
    deadLetterTargetArn: deadLetters.QueueArn,
    maxReceiveCount: 3,
  });
  expect(queue).toMatchObject({ ReceiveMessageWaitTimeSeconds: "20", VisibilityTimeout: "180" });
  expect(deadLetters.MessageRetentionPeriod).toBe(String(14 * 24 * 60 * 60));
});

test.skipIf(!testBrokers.rabbitmq)("work on RabbitMQ is persistent, has its priority and says what it is", () => {
  const seen = taps.sightings.filter((sighting) => sighting.broker === "rabbitmq");
  const priorities = Object.fromEntries(
    seen.map(({ envelope, message }) => [envelope.key, message.properties.priority]),
  );
  expect(priorities).toMatchObject({ [completed]: 4, [express]: 9, [declined]: 4 });
  for (const { envelope, message } of seen) {
    const { id, type, correlationId, causationId, traceparent, timestamp, source } = envelope;
    expect(message.fields).toMatchObject({ exchange: `${fleet.namespace}.work`, routingKey: type });
    expect(message.properties).toMatchObject({
      ...{ messageId: id, type, correlationId, appId: source, deliveryMode: 2, contentType: "application/json" },
      timestamp: Math.floor(Date.parse(timestamp) / 1_000),
      headers: { schemaVersion: "1", causationId, ...(traceparent === undefined ? {} : { traceparent }) },
    });
  }
});

test.skipIf(!testBrokers.rabbitmq)(
  "RabbitMQ's exchanges and queues are as declared, and dead letters get theirs",
  async () => {
    await using opened = new AsyncDisposableStack();
    const connection = await connect(testBrokers.rabbitmq ?? "");
    opened.defer(() => connection.close());
    const channel = await connection.createChannel();
    const named = (name: string) => `${fleet.namespace}.${name}`;
    // To declare what is there is an error wherever it differs.
    await channel.assertExchange(named("events"), "topic", { durable: true });
    await channel.assertExchange(named("work"), "direct", { durable: true });
    await channel.assertExchange(named("dead"), "direct", { durable: true });
    await channel.assertQueue(named("billing.work"), {
      ...{ durable: true, deadLetterExchange: named("dead"), deadLetterRoutingKey: named("billing.work") },
      arguments: { "x-queue-type": "classic", "x-max-priority": 9 },
    });
    const wrong = wrongMessages("payment.requested", "refund.requested");
    for (const body of wrong) channel.publish(named("work"), JSON.parse(body).type, Buffer.from(body));
    await channel.checkQueue(named("billing.work.dlq"));
    const text = "select body from dead_letters where group_name = 'billing.work' and road = 'rabbitmq'";
    const letters = async () =>
      (await rowsOf<{ body: Buffer }>(fleet.databases.billing, text)).map(({ body }) => body.toString());
    await vi.waitUntil(async () => (await letters()).length === wrong.length, patience);
    expect((await letters()).toSorted()).toEqual(wrong.toSorted());
  },
);

function ask(name: (typeof serviceNames)[number], path: string, asked: Call = {}) {
  return call(`${fleet.services[name].url}${path}`, { ...asked, headers: { ...caller, ...asked.headers } });
}

function post(body: unknown): Call {
  return { method: "POST", body };
}

function sightingsOf(...orderIds: readonly string[]): Sighting[] {
  return taps.sightings.filter(({ envelope }) => orderIds.includes(envelope.key));
}

function has(sightings: readonly { readonly envelope: Envelope }[], type: string): boolean {
  return sightings.some(({ envelope }) => envelope.type === type);
}

function isDeadLetter(sighting: { readonly broker: string; readonly topic?: string }): boolean {
  return sighting.topic?.endsWith(".DLT") === true;
}

/** Whole envelopes whose data breaks the contract. */
function wrongMessages(...types: readonly string[]): string[] {
  const timestamp = new Date().toISOString();
  const rest = { version: "1", timestamp, source: "stranger", key: "o-1", sequence: 1, correlationId: "c-1" };
  return types.map((type) => JSON.stringify({ id: randomUUID(), type, ...rest, data: {} }));
}
