import { vi } from "vitest";
import { rowsOf } from "./database.ts";
import type { Fleet } from "./fleet.ts";
import { type Entry, shopOf } from "./shop.ts";

/** What is wrong, by invariant, each finding in a sentence. All empty: nothing was lost and nothing happened twice. */
export type Audit = { readonly [invariant in (typeof invariants)[number]]: readonly string[] };

export const invariants = ["loss", "ghosts", "orders", "streams", "sequences", "views", "money", "stock"] as const;
export const clean: Audit = {
  loss: [],
  ghosts: [],
  orders: [],
  streams: [],
  sequences: [],
  views: [],
  money: [],
  stock: [],
};

const fromOrder = ["order.created", "order.completed", "order.cancelled"];
const results = ["stock.reserved", "stock.rejected", "payment.completed", "payment.failed"];
const consumers: Readonly<Record<string, readonly string[]>> = {
  order: results,
  billing: ["order.created", "order.cancelled"],
  "billing.work": ["payment.requested", "refund.requested"],
  inventory: fromOrder,
  analytics: [...fromOrder, ...results, "payment.refunded", "stock.released"],
};

type Message = { readonly id: string; readonly type: string };
type OrderRow = { readonly order_id: string; readonly status: string; readonly total: number };
type FactsRow = {
  readonly order_id: string;
  readonly status: string;
  readonly charged: number;
  readonly refunded: number;
};

/** Waits until every order has ended and every message has arrived, or 60 s have passed; then compares everybody's books. */
export async function audit(fleet: Fleet, placed: readonly string[], timeout = 60_000): Promise<Audit> {
  await vi
    .waitUntil(async () => (await findLoss(fleet)).length + (await findOpenOrders(fleet)).length === 0, {
      timeout,
      interval: 200,
    })
    // What is still missing then is a finding.
    .catch(() => false);
  const [orders, ledger] = await Promise.all([readOrders(fleet), shopOf(fleet).ledger()]);
  return {
    loss: await findLoss(fleet),
    ghosts: await findGhosts(fleet),
    orders: [...(await findOpenOrders(fleet)), ...compareOrders(placed, orders)],
    streams: await findBrokenStreams(fleet),
    sequences: await findGaps(fleet),
    views: await compareFacts(fleet, orders, ledger),
    money: findMoneyFaults(orders, ledger),
    stock: await findStockFaults(fleet),
  };
}

async function findLoss(fleet: Fleet): Promise<string[]> {
  // In this order: what has been handled by now has sent all it will send, and that is looked at afterwards.
  const handled = await handledOf(fleet);
  const expected = await expectedOf(fleet);
  return [...expected].filter((pair) => !handled.has(pair)).map((pair) => `not handled: ${pair}`);
}

async function findGhosts(fleet: Fleet): Promise<string[]> {
  const handled = await handledOf(fleet);
  const expected = await expectedOf(fleet);
  const ids = new Set([...expected].map((pair) => pair.split(" ")[1]));
  return [...handled].filter((pair) => !ids.has(pair.split(" ")[1])).map((pair) => `never committed: ${pair}`);
}

/** Every message that was committed, for each consumer that asks for its type: `billing 0199… order.created`. */
async function expectedOf({ databases }: Fleet): Promise<Set<string>> {
  const outboxes = [databases.order, databases.billing, databases.inventory];
  const messages = await Promise.all(outboxes.map((url) => rowsOf<Message>(url, "select id, type from outbox")));
  const pairs = Object.entries(consumers).flatMap(([consumer, types]) =>
    messages.flat().flatMap(({ id, type }) => (types.includes(type) ? [`${consumer} ${id}`] : [])),
  );
  return new Set(pairs);
}

async function handledOf({ databases }: Fleet): Promise<Set<string>> {
  const text = "select consumer || ' ' || message_id as pair from processed_messages";
  const inboxes = await Promise.all(Object.values(databases).map((url) => rowsOf<{ pair: string }>(url, text)));
  return new Set(inboxes.flat().map(({ pair }) => pair));
}

function readOrders({ databases }: Fleet): Promise<OrderRow[]> {
  return rowsOf(databases.order, "select order_id, status, total_in_cents::float8 as total from orders");
}

async function findOpenOrders(fleet: Fleet): Promise<string[]> {
  const orders = await readOrders(fleet);
  return orders.filter(({ status }) => status === "placed").map(({ order_id }) => `still open: ${order_id}`);
}

function compareOrders(placed: readonly string[], orders: readonly OrderRow[]): string[] {
  const [answered, kept] = [new Set(placed), new Set(orders.map(({ order_id }) => order_id))];
  return [
    ...placed.filter((orderId) => !kept.has(orderId)).map((orderId) => `answered and not kept: ${orderId}`),
    ...[...kept].filter((orderId) => !answered.has(orderId)).map((orderId) => `kept and never answered: ${orderId}`),
    ...(answered.size === placed.length ? [] : ["two requests were answered with one order"]),
  ];
}

/** Versions are 1..n, and nothing happens twice to one order, payment or reservation. */
async function findBrokenStreams({ databases }: Fleet): Promise<string[]> {
  const gaps = `select stream_id as name from events group by stream_id
    having min(version) <> 1 or max(version) <> count(*) or count(*) <> count(distinct version)`;
  const twice = `select stream_id || ' ' || type || coalesce(' ' || (data ->> 'orderId'), '') as name from events
    where type <> 'counted' group by stream_id, type, data ->> 'orderId' having count(*) > 1`;
  const stores = [databases.order, databases.billing, databases.inventory];
  const found = await Promise.all(
    stores.flatMap((url) => [gaps, twice].map((text) => rowsOf<{ name: string }>(url, text))),
  );
  return found.flat().map(({ name }) => `gap or repetition: ${name}`);
}

async function findGaps({ databases }: Fleet): Promise<string[]> {
  const text = `select source || ' ' || key as name from outbox group by source, key
    having min(sequence) <> 1 or max(sequence) <> count(*)`;
  const outboxes = [databases.order, databases.billing, databases.inventory];
  const found = await Promise.all(outboxes.map((url) => rowsOf<{ name: string }>(url, text)));
  return found.flat().map(({ name }) => `gap or repetition: ${name}`);
}

async function compareFacts(
  { databases }: Fleet,
  orders: readonly OrderRow[],
  ledger: readonly Entry[],
): Promise<string[]> {
  const facts = await rowsOf<FactsRow>(
    databases.analytics,
    `select order_id, case when completed_at is not null then 'completed' when cancelled_at is not null then 'cancelled'
       else 'placed' end as status,
       coalesce(charged_in_cents, 0)::float8 as charged, coalesce(refunded_in_cents, 0)::float8 as refunded from order_facts`,
  );
  const told = facts.map(({ order_id, status, charged, refunded }) => `${order_id} ${status} ${charged} ${refunded}`);
  const real = orders.map(({ order_id, status }) => {
    const [charged, refunded] = [sumOf(ledger, order_id, "charge"), sumOf(ledger, order_id, "refund")];
    return `${order_id} ${status} ${charged} ${refunded}`;
  });
  return [...new Set(told).symmetricDifference(new Set(real))].map((line) => `analytics and the truth differ: ${line}`);
}

function findMoneyFaults(orders: readonly OrderRow[], ledger: readonly Entry[]): string[] {
  const known = new Set(orders.map(({ order_id }) => order_id));
  const wrong = orders.filter(({ order_id, status, total }) => {
    const [charged, refunded] = [sumOf(ledger, order_id, "charge"), sumOf(ledger, order_id, "refund")];
    return status === "completed" ? charged !== total || refunded !== 0 : charged !== refunded || charged > total;
  });
  return [
    ...wrong.map(({ order_id, status, total }) => `${order_id} of ${total} is ${status} and the ledger disagrees`),
    ...ledger.filter(({ orderId }) => !known.has(orderId)).map(({ orderId }) => `money moved for nothing: ${orderId}`),
  ];
}

/** What was counted is on hand or shipped, and nothing is held for orders that have ended. */
async function findStockFaults({ databases }: Fleet): Promise<string[]> {
  const rows = await rowsOf<{ name: string }>(
    databases.inventory,
    `with moved as (
       select substr(stream_id, 7) as sku, coalesce(sum((data ->> 'onHand')::int) filter (where type = 'counted'), 0)
         - coalesce(sum((data ->> 'quantity')::int) filter (where type = 'shipped'), 0) as left_over
       from events group by stream_id)
     select sku as name from stock join moved using (sku) where on_hand <> left_over or reserved <> 0`,
  );
  return rows.map(({ name }) => `pieces appeared, vanished or are still held: ${name}`);
}

function sumOf(ledger: readonly Entry[], orderId: string, kind: Entry["kind"]): number {
  const own = ledger.filter((entry) => entry.orderId === orderId && entry.kind === kind);
  return own.reduce((sum, { amountInCents }) => sum + amountInCents, 0);
}
