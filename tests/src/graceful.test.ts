import { createTestDatabase, testBrokers, uniqueName } from "@throughline/local/testing";
import { rabbitmqTransport } from "@throughline/transport/rabbitmq";
import { startLine } from "@throughline/transport/testing";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { audit, clean } from "./testing/audit.ts";
import { rowsOf } from "./testing/database.ts";
import { type Fleet, type ServiceName, serviceNames, startFleet } from "./testing/fleet.ts";
import { get } from "./testing/http.ts";
import { countsOf, end, start, startFurther } from "./testing/processes.ts";
import { orderOf, shopOf } from "./testing/shop.ts";

let fleet: Fleet;
const placed: string[] = [];
beforeAll(async () => {
  fleet = await startFleet({ isSupervised: false });
}, 120_000);
afterAll(() => fleet[Symbol.asyncDispose](), 60_000);

const patience = { timeout: 30_000, interval: 50 };

test("services that are asked to end under load end with 0, lose nothing, and go on at once when they are back", async () => {
  const shop = shopOf(fleet);
  const sku = await shop.stocked(10_000);
  let isOpen = true;
  const shopper = async () => {
    while (isOpen) await shop.ended(await place(sku));
  };
  const shopping = Promise.all(Array.from({ length: 8 }, shopper));
  for (const name of serviceNames) {
    const soFar = placed.length;
    await vi.waitUntil(() => placed.length > soFar + 16, { timeout: 60_000 });
    await end(fleet.services[name]);
    expect(await leasesOf(name)).toEqual([]);
    await start(fleet.services[name]);
    expect(await shop.ended(await place(sku))).toMatchObject({ status: "completed" });
  }
  isOpen = false;
  await shopping;
  expect(await audit(fleet, placed)).toEqual(clean);
}, 180_000);

test.each([
  ["the first to publish comes first", serviceNames],
  ["the first to publish comes last", serviceNames.toReversed()],
])(
  "services come up one by one in any order: %s",
  async (_, names) => {
    const shop = shopOf(fleet);
    const sku = await shop.stocked(1);
    await Promise.all(names.map((name) => end(fleet.services[name])));
    const orders: Promise<string>[] = [];
    for (const name of names) {
      await start(fleet.services[name]);
      if (name === "order") orders.push(place(sku));
    }
    for (const orderId of await Promise.all(orders)) {
      expect(await shop.ended(orderId)).toMatchObject({ status: "completed" });
    }
  },
  120_000,
);

test("four processes of one service, started at once on an empty database, all come up", async () => {
  await using database = await createTestDatabase();
  const env = { DATABASE_URL: database.url, NAMESPACE: uniqueName("t") };
  await using further = await startFurther(fleet, "order", { count: 4, env });
  const shops = further.processes.map((order) => shopOf({ services: { ...fleet.services, order } }));
  await Promise.all(shops.map((shop) => shop.place(orderOf("cd-1"))));
  expect(further.processes.flatMap(({ exits }) => exits)).toEqual([]);
}, 90_000);

test("two processes of one service share the work, and each message has one effect", async () => {
  await using further = await startFurther(fleet, "order", { count: 1 });
  const shop = shopOf(fleet);
  const others = further.processes.map((order) => shopOf({ services: { ...fleet.services, order } }));
  const sku = await shop.stocked(1_000);
  const handledBefore = await countsOf(fleet.services.order);
  const orders = [shop, ...others].flatMap((door) => Array.from({ length: 30 }, () => place(sku, door)));
  for (const orderId of await Promise.all(orders)) await shop.ended(orderId);
  expect(await audit(fleet, placed)).toEqual(clean);
  for (const process of further.processes) expect((await countsOf(process)).handled).toBeGreaterThan(0);
  expect((await countsOf(fleet.services.order)).handled).toBeGreaterThan(handledBefore.handled);
}, 90_000);

test("a payment provider that is away for longer than a few attempts costs no order", async () => {
  const shop = shopOf(fleet);
  const { billing, provider } = fleet.services;
  await end(provider);
  const { failed } = await countsOf(billing);
  const orderId = await place(await shop.stocked(1));
  await vi.waitUntil(async () => (await countsOf(billing)).failed >= failed + 3, patience);
  await start(provider);
  expect(await shop.ended(orderId)).toMatchObject({ status: "completed" });
}, 90_000);

test.skipIf(testBrokers.kafka === undefined)(
  "a service that starts while its broker is away takes orders, says what it waits for, and goes on when it comes",
  async () => {
    const [host = "", port] = (testBrokers.kafka ?? "").split(":");
    await using line = await startLine({ host, port: Number(port) });
    line.cut();
    const { order } = fleet.services;
    const startWithout = () => start(order, { KAFKA_BROKERS: `${line.host}:${line.port}` });
    await end(order);
    await startWithout();
    const orderId = await place(await shopOf(fleet).stocked(1));
    const { consumers } = await get<{ consumers: readonly { readonly roads: readonly object[] }[] }>(
      `${order.url}/status`,
    );
    const away = expect.stringContaining("cannot be reached");
    expect(consumers[0]?.roads).toMatchObject([{ road: "kafka", reason: away }]);
    const { pid } = order;
    await end(order);
    const told = order.output.filter((text) => text.includes(`"pid":${pid}`) && text.includes("waits for kafka"));
    expect(told).toHaveLength(1);

    await startWithout();
    line.heal();
    expect(await shopOf(fleet).ended(orderId, 60_000)).toMatchObject({ status: "completed" });
    await end(order);
    await start(order);
  },
  120_000,
);

test.skipIf(testBrokers.rabbitmq === undefined)(
  "a service whose broker comes and refuses what it declares ends with the reason",
  async () => {
    const url = new URL(testBrokers.rabbitmq ?? "");
    await using line = await startLine({ host: url.hostname, port: Number(url.port) });
    line.cut();
    const namespace = uniqueName("t");
    const through = Object.assign(new URL(url), { port: `${line.port}` }).href;
    await using database = await createTestDatabase();
    const env = { NAMESPACE: namespace, RABBITMQ_URL: through, DATABASE_URL: database.url };
    await using further = await startFurther(fleet, "billing", { count: 1, env });
    // No work, but events: that is another kind of queue.
    await using other = await rabbitmqTransport({ url: url.href, namespace }).connectSubscriber();
    await other.subscribe({ group: "billing.work", types: ["payment.requested"], handler: async () => {} });
    line.heal();
    const [billing] = further.processes;
    await vi.waitUntil(() => billing?.exits.length === 1, { timeout: 30_000 });
    expect(billing?.exits).toMatchObject([{ code: 1 }]);
    expect(billing?.output.join()).toContain(`Queue ${namespace}.billing.work is there with other settings`);
  },
  90_000,
);

test("a second signal ends at once what the first one left waiting", async () => {
  const shop = shopOf(fleet);
  await shop.behave({ latencyMs: 10_000 });
  const orderId = await place(await shop.stocked(1));
  await vi.waitFor(async () => expect(await shop.payment(orderId)).toMatchObject({ status: "charging" }), patience);
  const { billing } = fleet.services;
  const { exits, output, pid, kill } = billing;
  const isStopping = () => output.some((line) => line.includes(`"pid":${pid}`) && line.includes('"msg":"stopping"'));
  kill("SIGTERM");
  await vi.waitUntil(isStopping, patience);
  kill("SIGTERM");
  await vi.waitUntil(() => exits.at(-1)?.pid === pid, { timeout: 5_000 });
  expect(exits.at(-1)).toEqual({ pid, code: 143, signal: null });

  await shop.behave({ latencyMs: 0 });
  await start(billing);
  await vi.waitFor(async () => expect(await shop.payment(orderId)).toMatchObject({ status: "charged" }), patience);
  expect(await shop.ledger(orderId)).toHaveLength(1);
}, 90_000);

test("where there is neither Kafka nor RabbitMQ, orders complete on SNS and SQS alone", async () => {
  const alone = { KAFKA_BROKERS: "", RABBITMQ_URL: "", CONSUME_FROM: "sns-sqs", WORK_ON: "sns-sqs" };
  const publishing = { PUBLISH_TO: "sns-sqs" };
  const each = { order: publishing, billing: publishing, inventory: publishing };
  await using island = await startFleet({ env: alone, each });
  const shop = shopOf(island);
  const sku = await shop.stocked(5);
  const orders = await Promise.all([1_496, 0, 913].map((amountInCents) => shop.place(orderOf(sku, amountInCents))));
  const orderIds = orders.map(({ orderId }) => orderId);
  const ended = await Promise.all(orderIds.map((orderId) => shop.ended(orderId)));
  expect(ended.map(({ status }) => status)).toEqual(["completed", "completed", "cancelled"]);
  expect(await audit(island, orderIds)).toEqual(clean);
}, 120_000);

async function place(sku: string, shop = shopOf(fleet)): Promise<string> {
  const { orderId } = await shop.placePersistently(orderOf(sku));
  placed.push(orderId);
  return orderId;
}

/** What its relay, where it has one, holds of its lanes: a next process would have to wait for the end of that. */
async function leasesOf(name: ServiceName): Promise<readonly object[]> {
  if (name === "provider" || name === "analytics") return [];
  return await rowsOf(fleet.databases[name], "select reader, lane, owner from log_cursors where owner is not null");
}
