import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { testBrokers } from "@throughline/local/testing";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { audit, clean } from "./testing/audit.ts";
import { rowsOf } from "./testing/database.ts";
import { type Fleet, startFleet } from "./testing/fleet.ts";
import { countsOf } from "./testing/processes.ts";
import { orderOf, shopOf } from "./testing/shop.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const main = fileURLToPath(new URL("../../infra/outbox-command/src/main.ts", import.meta.url));
const patience = { timeout: 60_000, interval: 100 };

let fleet: Fleet;
beforeAll(async () => {
  fleet = await startFleet();
}, 120_000);
afterAll(() => fleet[Symbol.asyncDispose](), 60_000);

test("everything is sent again to every consumer, and nothing new happens", async () => {
  const shop = shopOf(fleet);
  const sku = await shop.stocked(100);
  const placed = await Promise.all(Array.from({ length: 5 }, () => shop.place(orderOf(sku))));
  const orderIds = placed.map(({ orderId }) => orderId);
  await Promise.all(orderIds.map((orderId) => shop.ended(orderId)));
  expect(await audit(fleet, orderIds)).toEqual(clean);
  const consumers = [fleet.services.billing, fleet.services.inventory, fleet.services.analytics];
  const [handled, effects] = [(await countsOf(...consumers)).handled, await readEffects()];

  const destinations = testBrokers.kafka ? ["sns-sqs", "kafka"] : ["sns-sqs"];
  for (const destination of destinations) expect(await replay(destination)).toMatchObject({ messages: 10 });
  // Each of the ten goes to billing, of which it hears half, to inventory and to analytics.
  await vi.waitUntil(async () => (await countsOf(...consumers)).duplicates >= 25, patience);
  expect((await countsOf(...consumers)).handled).toBe(handled);
  expect(await readEffects()).toEqual(effects);
  expect(await audit(fleet, orderIds)).toEqual(clean);
}, 180_000);

/** What handlers write, in every service, and what they tell. */
async function readEffects(): Promise<unknown> {
  const { order, billing, inventory, analytics } = fleet.databases;
  const counts = (table: string) => `(select count(*)::int from ${table}) as ${table}`;
  const own = `select ${["events", "outbox", "processed_messages"].map(counts).join(", ")}`;
  const facts = "select to_jsonb(f) as facts from order_facts f order by order_id";
  const ledger = await shopOf(fleet).ledger();
  return {
    ledger,
    books: await Promise.all([order, billing, inventory].map((url) => rowsOf(url, own))),
    facts: await rowsOf(analytics, facts),
  };
}

async function replay(destination: string): Promise<unknown> {
  const args = ["replay", "--service", "order", "--destination", destination, "--from", "1", "--yes", "--json"];
  const env = { PATH: process.env.PATH, DATABASE_URL: fleet.databases.order };
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...args], { cwd: root, env });
  return JSON.parse(stdout);
}
