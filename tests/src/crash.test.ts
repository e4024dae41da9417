import { uniqueName } from "@throughline/local/testing";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { audit, clean } from "./testing/audit.ts";
import { rowsOf } from "./testing/database.ts";
import { type Fleet, startFleet } from "./testing/fleet.ts";
import { call } from "./testing/http.ts";
import { countsOf, end, start } from "./testing/processes.ts";
import { orderOf, shopOf } from "./testing/shop.ts";
import { openTaps, type Sighting, type Taps } from "./testing/taps.ts";

const publishers = ["order", "billing", "inventory"] as const;
const everyone = [...publishers, "analytics"] as const;
type Name = (typeof everyone)[number];

const patience = { timeout: 60_000, interval: 50 };

let fleet: Fleet;
let taps: Taps;
let stock: { readonly plenty: string; readonly none: string };
const placed: string[] = [];
beforeAll(async () => {
  fleet = await startFleet({ isSupervised: false });
  taps = await openTaps(fleet.namespace);
  const shop = shopOf(fleet);
  stock = { plenty: await shop.stocked(1_000), none: await shop.stocked(0) };
}, 120_000);
afterAll(async () => {
  await taps[Symbol.asyncDispose]();
  await fleet[Symbol.asyncDispose]();
}, 60_000);

test("order dies before the commit, nothing of that is published, and who asks again has one order", async () => {
  const shop = shopOf(fleet);
  const request = [orderOf(stock.plenty), { "idempotency-key": uniqueName("k-") }] as const;
  await restartDying(["order"], "outbox.after_enqueue:1");
  await expect(shop.place(...request)).rejects.toThrow("fetch failed");
  await hasDied("order");
  expect(await rowsOf(fleet.databases.order, "select id from outbox")).toEqual([]);
  await comeBack("order");

  const { orderId } = await shop.place(...request);
  expect(await shop.place(...request)).toMatchObject({ orderId });
  placed.push(orderId);
  expect(await shop.ended(orderId)).toMatchObject({ status: "completed" });
  const created = () =>
    taps.sightings.flatMap(({ envelope: { type, key } }) => (type === "order.created" ? [key] : []));
  await expect.poll(() => new Set(created()), patience).toEqual(new Set([orderId]));
  await expectClean();
}, 60_000);

test.each([
  ["before the commit of what they have enqueued", "outbox.after_enqueue:1"],
  ["after the commit, before they publish", "relay.after_read:1"],
])(
  "publishers that die %s lose nothing and publish no ghost",
  async (_, crashAt) => {
    await dieAndComeBack(publishers, crashAt, placeTen);
    await expectClean();
  },
  120_000,
);

test("publishers that die after they have published, before they note that, publish again, and nothing happens twice", async () => {
  const before = new Map(publishers.map((name) => [name, repeatedOf(name)]));
  await dieAndComeBack(publishers, "relay.after_publish:1", placeTen);
  await expectClean();
  for (const name of publishers) await vi.waitUntil(() => repeatedOf(name) > (before.get(name) ?? 0), patience);
}, 120_000);

test.each([
  ["before they handle a message", "inbox.before_handle:1", 0],
  ["after they have handled a message, before the commit", "inbox.after_handle:1", 0],
  ["after the commit, before they tell the broker", "inbox.after_commit:1", 1],
])(
  "consumers that die %s get it again, and it has one effect",
  async (_, crashAt, leastDuplicates) => {
    await dieAndComeBack(everyone, crashAt, placeTen);
    await expectClean();
    for (const name of everyone) {
      await vi.waitUntil(async () => (await countsOf(fleet.services[name])).duplicates >= leastDuplicates, patience);
    }
  },
  120_000,
);

// The first message that billing handles is order.created; the second one is its own work, whose call has been made by then.
test.each([
  ["between the charge and its record", "inbox.before_handle:2", "charging"],
  ["after it has recorded the charge, before the commit", "inbox.after_handle:2", "charging"],
  ["after the commit of a charge, before it tells the broker", "inbox.after_commit:2", "charged"],
])(
  "billing dies %s, and the customer pays once",
  async (_, crashAt, status) => {
    const shop = shopOf(fleet);
    await restartDying(["billing"], crashAt);
    const orderId = await place(stock.plenty, 1_996);
    await hasDied("billing");
    expect(await shop.ledger(orderId)).toMatchObject([{ kind: "charge", amountInCents: 1_996 }]);
    const text = "select status from payments where order_id = $1";
    expect(await rowsOf(fleet.databases.billing, text, [orderId])).toEqual([{ status }]);
    await comeBack("billing");

    expect(await shop.ended(orderId)).toMatchObject({ status: "completed" });
    await expectClean();
    expect(await shop.ledger(orderId)).toHaveLength(1);
  },
  90_000,
);

test("billing dies after a refund that it has not recorded, and the customer gets the money once", async () => {
  const shop = shopOf(fleet);
  await end(fleet.services.inventory);
  const orderId = await place(stock.plenty, 1_796);
  await vi.waitFor(async () => expect(await shop.payment(orderId)).toMatchObject({ status: "charged" }), patience);
  // order.cancelled, the refund.
  await restartDying(["billing"], "inbox.before_handle:2");
  await call(`${fleet.services.order.url}/orders/${orderId}/cancellation`, { method: "POST", body: {} });
  await hasDied("billing");
  expect(await shop.ledger(orderId)).toMatchObject([{ kind: "charge" }, { kind: "refund", amountInCents: 1_796 }]);
  await Promise.all([comeBack("billing"), start(fleet.services.inventory)]);
  await vi.waitFor(async () => expect(await shop.payment(orderId)).toMatchObject({ status: "refunded" }), patience);
  await expectClean();
  expect(await shop.ledger(orderId)).toHaveLength(2);
}, 90_000);

async function dieAndComeBack(names: readonly Name[], crashAt: string, work: () => Promise<void>): Promise<void> {
  await restartDying(names, crashAt);
  const dying = names.map(async (name) => {
    await hasDied(name);
    await comeBack(name);
  });
  await Promise.all([work(), ...dying]);
}

/** Ends services in good order and starts them again, each with the point at which it dies. */
async function restartDying(names: readonly Name[], crashAt: string): Promise<void> {
  const services = names.map((name) => fleet.services[name]);
  await Promise.all(services.map(end));
  await Promise.all(services.map((service) => start(service, { CRASH_AT: crashAt })));
}

async function hasDied(name: Name): Promise<void> {
  const { exits, pid } = fleet.services[name];
  await vi.waitUntil(() => exits.at(-1)?.pid === pid, patience);
  expect({ name, ...exits.at(-1) }).toEqual({ name, pid, code: null, signal: "SIGKILL" });
}

async function comeBack(name: Name): Promise<void> {
  const { pid } = fleet.services[name];
  // The leases of the dead are over 30 s after its last sign of life. To wait for that is the matter of another test.
  const text = "update log_cursors set leased_until = clock_timestamp() where split_part(owner, ':', 2) = $1";
  if (name !== "analytics") await rowsOf(fleet.databases[name], text, [String(pid)]);
  await start(fleet.services[name]);
}

/** One of them is declined, one finds nothing in stock. */
async function placeTen(): Promise<void> {
  const amounts = [0, 100, 200, 300, 400, 500, 600, 700, 913];
  await Promise.all([...amounts.map((amount) => place(stock.plenty, amount)), place(stock.none, 800)]);
}

async function place(sku: string, amountInCents: number): Promise<string> {
  const { orderId } = await shopOf(fleet).placePersistently(orderOf(sku, amountInCents));
  placed.push(orderId);
  return orderId;
}

async function expectClean(): Promise<void> {
  expect(await audit(fleet, placed)).toEqual(clean);
  const outboxes = publishers.map((name) => rowsOf<{ id: string }>(fleet.databases[name], "select id from outbox"));
  const committed = new Set((await Promise.all(outboxes)).flat().map(({ id }) => id));
  expect(taps.sightings.filter(({ envelope: { id } }) => !committed.has(id))).toEqual([]);
}

/** How many copies the brokers took of messages of this service that they had already. */
function repeatedOf(name: Name): number {
  const own = taps.sightings.filter(({ envelope: { source } }) => source === `${name}-service`);
  const messages = new Set(own.map(({ broker, envelope: { id } }) => `${broker} ${id}`));
  // A broker may hand one copy to the tap twice.
  return new Set(own.map(copyOf)).size - messages.size;
}

function copyOf(sighting: Sighting): string {
  const { broker, envelope } = sighting;
  if (sighting.broker === "kafka") return `${broker} ${envelope.id} ${sighting.message.offset}`;
  if (sighting.broker === "sns-sqs") return `${broker} ${envelope.id} ${sighting.message.MessageId}`;
  return `${broker} ${envelope.id} ${sighting.message.fields.deliveryTag}`;
}
