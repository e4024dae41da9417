import { newId } from "@throughline/envelope";
import type { Databases } from "../databases.ts";
import { consumers, type Teller, tellers } from "../flow.ts";
import { planOrders } from "../plan.ts";
import type { Roads } from "../surroundings.ts";
import type { Sighting } from "../taps.ts";
import type { Evidence } from "./finding.ts";
import { lowestId, type Window } from "./window.ts";

const runId = "r1";
const line = { customer: "0001", date: "19970101" };
const purchases = [
  { ...line, line: 1, cds: 2, amountInCents: 2_933 },
  { ...line, line: 2, cds: 1, amountInCents: 1_413 },
];
const start = { outbox: 0, events: 0 };
const window: Window = {
  runId,
  firstId: lowestId(Date.now() - 1_000),
  after: new Map(tellers.map(({ service }) => [service, start])),
};
export const roads: Roads = tellers.flatMap(({ service, types }) => [
  { road: "kafka", service, types: types.filter((type) => !type.endsWith(".requested")) },
  ...(service === "order" ? [{ road: "sns-sqs" as const, service, types: [...types] }] : []),
  ...(service === "billing"
    ? [{ road: "rabbitmq" as const, service, types: ["payment.requested", "refund.requested"] }]
    : []),
]);

/** The order that was completed, and the one whose card was declined. */
export const [completed, declined] = [newId(), newId()];

/**
 * What the databases, brokers and the ledger hold after two orders in which nothing went wrong: written row by row, so
 * that a test may change any of it.
 */
export async function tellStory(databases: Databases): Promise<Omit<Evidence, "records" | "seenOn">> {
  const plan = planOrders(purchases, { runId, isPlain: false });
  const sightings: Sighting[] = [];
  const sequences = new Map<string, number>();

  await happens("inventory", "stock-r1-cd-00", "counted", { onHand: 2 });
  await happens("inventory", "stock-r1-cd-01", "counted", { onHand: 1 });
  for (const [orderId, ending, sku, quantity] of [
    [completed, "completed", "r1-cd-00", 2],
    [declined, "cancelled", "r1-cd-01", 1],
  ] as const) {
    const stock = { orderId, quantity };
    await happens("order", `order-${orderId}`, "placed");
    const created = await isTold("order", "order.created", orderId);
    await happens("billing", `payment-${orderId}`, "requested", {}, created);
    const requested = await isTold("billing", "payment.requested", orderId);
    await happens("inventory", `stock-${sku}`, "reserved", stock, created);
    const reserved = await isTold("inventory", "stock.reserved", orderId);
    await happens("order", `order-${orderId}`, "stock-reserved", {}, reserved);
    const isDone = ending === "completed";
    await happens("billing", `payment-${orderId}`, "charge-started", {}, requested);
    await happens("billing", `payment-${orderId}`, isDone ? "charged" : "declined", {}, requested);
    const paid = await isTold("billing", isDone ? "payment.completed" : "payment.failed", orderId);
    await happens("order", `order-${orderId}`, isDone ? "payment-completed" : "payment-failed", {}, paid);
    await happens("order", `order-${orderId}`, ending, {}, paid);
    const ended = await isTold("order", `order.${ending}`, orderId);
    await happens("inventory", `stock-${sku}`, isDone ? "shipped" : "released", stock, ended);
    if (!isDone) await isTold("inventory", "stock.released", orderId);
  }
  await writeViews(databases);
  const [one, other] = plan.orders;
  if (!one || !other) throw new Error("Two purchases are two orders");
  const charge = { kind: "charge", reference: "c-1", orderId: completed, amountInCents: 2_933 } as const;
  return {
    ...{ window, plan, roads, sightings, ledger: [charge], deadLetters: { before: new Map(), after: new Map() } },
    placed: [
      { planned: one, orderId: completed, answers: [completed] },
      { planned: other, orderId: declined, answers: [declined] },
    ],
  };

  async function happens(
    service: Teller["service"],
    streamId: string,
    type: string,
    data: object = {},
    cause?: string,
  ) {
    const metadata = cause === undefined ? {} : { causationId: cause };
    await databases[service].query(
      `with stream as (
         insert into streams (stream_id, type, version) values ($1, split_part($1, '-', 1), 1)
         on conflict (stream_id) do update set version = streams.version + 1 returning version)
       insert into events (stream_id, version, event_id, type, schema_version, data, metadata)
       select $1, version, gen_random_uuid(), $2, 1, $3, $4 from stream`,
      [streamId, type, data, metadata],
    );
  }

  async function isTold(service: Teller["service"], type: string, key: string): Promise<string> {
    const source = `${service}-service`;
    const [id, sequence] = [newId(), (sequences.get(`${source} ${key}`) ?? 0) + 1];
    sequences.set(`${source} ${key}`, sequence);
    await databases[service].query(
      `insert into outbox (id, type, key, source, sequence, version, "timestamp", correlation_id, wire)
       values ($1, $2, $3, $4, $5, '1', now()::text, $1, '{}')`,
      [id, type, key, source, sequence],
    );
    for (const consumer of consumers.filter(({ types }) => types.includes(type))) {
      const text = "insert into processed_messages (consumer, message_id, message_day) values ($1, $2, now())";
      await databases[consumer.service].query(text, [consumer.group, id]);
    }
    for (const { road } of roads.filter((part) => part.service === service && part.types.includes(type))) {
      sightings.push({ id, type, key, source, sequence, road });
    }
    return id;
  }
}

async function writeViews({ order, billing, inventory, analytics }: Databases): Promise<void> {
  const both = [completed, declined];
  await order.query(
    `insert into orders select id, 'r1-0001', status, null, payment, 'reserved', 'USD', cents, false, '[]', now(), now()
     from (values ($1, 'completed', 'completed', 2933), ($2, 'cancelled', 'failed', 1413)) as o (id, status, payment, cents)`,
    both,
  );
  await billing.query(
    `insert into payments (order_id, status, amount_in_cents, updated_at)
     values ($1, 'charged', 2933, now()), ($2, 'declined', 1413, now())`,
    both,
  );
  await inventory.query(
    "insert into reservations (order_id, status, items) values ($1, 'shipped', '[]'), ($2, 'released', '[]')",
    both,
  );
  await inventory.query("insert into stock values ('r1-cd-00', 0, 0, now()), ('r1-cd-01', 1, 0, now())");
  await analytics.query(
    `insert into order_facts (order_id, customer_id, total_in_cents, pieces, placed_at, completed_at, cancelled_at,
       charged_in_cents, payment_failure, stock_reserved_at, stock_released_at)
     values ($1, 'r1-0001', 2933, 2, now(), now(), null, 2933, null, now(), null),
            ($2, 'r1-0001', 1413, 1, now(), null, now(), null, 'card declined', now(), now())`,
    both,
  );
  for (const { service, road } of roads) {
    const text = "insert into log_cursors (log, reader, lane, position) values ('outbox', $1, 0, 1000)";
    await { order, billing, inventory, analytics }[service].query(text, [road]);
  }
}
