import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freeBasePort } from "./ports.ts";
import { type ServicesOptions, startServices } from "./services.ts";
import { connect, testBrokers, uniqueName } from "./testing.ts";

const { postgres, snsSqs } = testBrokers;

test("an order completes where only Postgres, SNS and SQS are", async () => {
  await using services = await start({ postgres, snsSqs });
  const { url } = services;
  await send("PUT", `${url.inventory}/stock/cd-1`, { onHand: 10 });
  await placeAndComplete(url.order);
}, 120_000);

test("services end side by side, so that one that is slow to end holds up no other", async () => {
  const services = await start({ postgres, snsSqs });
  const { order, billing, inventory, analytics, console, "payment-provider": provider } = services.process;
  order?.kill("SIGSTOP");
  const stopped = services[Symbol.asyncDispose]();
  await Promise.all([billing?.ended, inventory?.ended, analytics?.ended]);
  expect([console?.ends, provider?.ends]).toEqual([[], []]);
  order?.kill("SIGCONT");
  await stopped;
  expect(await order?.ended).toBe("ended with code 0");
}, 120_000);

test("a port in use is named before the service starts, and that for spans as well", async () => {
  await using taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const starting = start({ postgres, snsSqs }, { only: ["console"], envOf: { console: { OTLP_PORT: `${port}` } } });
  await expect(starting).rejects.toThrow(`Port ${port}, which console needs, is in use`);
}, 60_000);

async function placeAndComplete(order: string): Promise<void> {
  const items = [{ sku: "cd-1", quantity: 1, amountInCents: 1_496 }];
  const placed = await send("POST", `${order}/orders`, { customerId: "c-1", currency: "USD", items });
  expect(placed).toMatchObject({ status: "placed" });
  const { orderId } = placed as { readonly orderId: string };
  const statusOf = async () =>
    ((await (await fetch(`${order}/orders/${orderId}`)).json()) as { status: string }).status;
  await expect.poll(statusOf, { timeout: 30_000 }).toBe("completed");
}

async function start(
  brokers: { readonly postgres: string; readonly snsSqs: string },
  more: Pick<ServicesOptions, "only" | "envOf"> = {},
) {
  await using opening = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), "services-"));
  opening.defer(() => rmSync(dataDir, { recursive: true }));
  const [namespace, databasePrefix] = [uniqueName("t"), `${uniqueName("test_")}_`];
  opening.defer(() => dropDatabases(databasePrefix));
  const options = { brokers, namespace, databasePrefix, basePort: await freeBasePort(), dataDir, log: () => undefined };
  const services = opening.use(await startServices({ ...options, ...more }));
  const opened = opening.move();
  return { ...services, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

async function dropDatabases(prefix: string): Promise<void> {
  await using server = connect(postgres, 1);
  const { rows } = await server.pool.query("select datname from pg_database where starts_with(datname, $1)", [prefix]);
  for (const { datname } of rows) await server.pool.query(`drop database ${datname} with (force)`);
}

async function send(method: string, url: string, body: object): Promise<unknown> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method, headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}: ${await response.text()}`);
  return await response.json();
}
