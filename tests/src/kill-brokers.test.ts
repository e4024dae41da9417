import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Broker,
  missing,
  startKafka,
  startPostgres,
  startRabbitmq,
  startSnsSqs,
} from "@throughline/local/brokers";
import { freeBasePort } from "@throughline/local/ports";
import { expect, test, vi } from "vitest";
import { audit, clean } from "./testing/audit.ts";
import { rowsOf } from "./testing/database.ts";
import { serviceNames, startFleet } from "./testing/fleet.ts";
import { orderOf, shopOf } from "./testing/shop.ts";

const servicesWithDatabase = ["order", "billing", "inventory", "analytics"] as const;

test.skipIf(missing.kafka !== undefined || missing.rabbitmq !== undefined)(
  "placing 150 orders while Kafka, RabbitMQ, SNS/SQS and Postgres in turn are killed and come back loses nothing and ends no service",
  async () => {
    await using brokers = await startOwn();
    const { kafka, rabbitmq, snsSqs, postgres } = brokers;
    const databases = await createDatabases(postgres.url());
    const withDatabase = servicesWithDatabase.map((name) => [name, { DATABASE_URL: databases[name] }] as const);
    const env = { KAFKA_BROKERS: kafka.url(), RABBITMQ_URL: rabbitmq.url(), SNS_SQS_ENDPOINT: snsSqs.url() };
    await using fleet = await startFleet({ env, each: Object.fromEntries(withDatabase) });
    const shop = shopOf(fleet);
    const sku = await shop.stocked(1_000);
    const { inventory } = fleet.services;

    const placed: string[] = [];
    const shopper = async () => {
      for (let nth = 1; nth <= 50; nth += 1) {
        const { orderId } = await shop.placePersistently(orderOf(sku, nth % 7 === 0 ? 913 : 100 * nth));
        placed.push(orderId);
        await shop.ended(orderId, 120_000);
      }
    };
    const shopping = Promise.all([shopper(), shopper(), shopper()]);
    for (const broker of [kafka, rabbitmq, snsSqs, postgres]) {
      const soFar = placed.length;
      await vi.waitUntil(() => placed.length >= soFar + 15, { timeout: 120_000 });
      if (broker === snsSqs) {
        // Billing has heard of these from SNS, so that they wait in SQS for inventory, which is frozen.
        inventory.kill("SIGSTOP");
        await vi.waitFor(() => Promise.all(placed.slice(-3).map(shop.payment)), { timeout: 120_000 });
      }
      await broker.killAndStart();
      inventory.kill("SIGCONT");
    }
    await shopping;

    expect(await audit({ ...fleet, databases }, placed, 120_000)).toEqual(clean);
    expect(serviceNames.flatMap((name) => fleet.services[name].exits)).toEqual([]);
  },
  300_000,
);

/** Brokers that no other test uses, so that this one may kill them. */
async function startOwn() {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "throughline-"));
  opened.defer(() => rm(folder, { recursive: true }));
  const basePort = await freeBasePort();
  const own = async (name: string, offset: number, start: typeof startKafka) => {
    const options = { port: basePort + offset, dataDir: join(folder, name), log: () => {} };
    let broker: Broker = await start(options);
    opened.defer(() => broker[Symbol.asyncDispose]());
    return {
      url: () => broker.url,
      async killAndStart() {
        process.kill(broker.pid, "SIGKILL");
        await broker[Symbol.asyncDispose]();
        broker = await start(options);
      },
    };
  };
  const [postgres, kafka, rabbitmq, snsSqs] = await Promise.all([
    own("postgres", 0, startPostgres),
    own("kafka", 10, startKafka),
    own("rabbitmq", 20, startRabbitmq),
    own("sns-sqs", 30, startSnsSqs),
  ]);
  const stack = opened.move();
  return { postgres, kafka, rabbitmq, snsSqs, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function createDatabases(server: string) {
  const create = async (name: (typeof servicesWithDatabase)[number]) => {
    await rowsOf(server, `create database ${name}_own`);
    return Object.assign(new URL(server), { pathname: `${name}_own` }).href;
  };
  const [order, billing, inventory, analytics] = await Promise.all([
    create("order"),
    create("billing"),
    create("inventory"),
    create("analytics"),
  ] as const);
  return { order, billing, inventory, analytics };
}
