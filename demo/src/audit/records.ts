import { type Databases, rowsOf } from "../databases.ts";
import { type Teller, tellers } from "../flow.ts";
import { type Handled, type Message, readHandled, readMessages } from "./messages.ts";
import type { Window } from "./window.ts";

export type OrderRow = {
  readonly id: string;
  readonly status: "placed" | "completed" | "cancelled";
  readonly payment: "pending" | "not-needed" | "completed" | "failed";
  readonly stock: "pending" | "reserved" | "rejected";
  readonly totalInCents: number;
};
export type PaymentRow = { readonly id: string; readonly status: string; readonly amountInCents: number | null };
export type ReservationRow = { readonly id: string; readonly status: string };
export type StockRow = { readonly sku: string; readonly onHand: number; readonly reserved: number };
export type FactsRow = {
  readonly id: string;
  readonly totalInCents: number | null;
  readonly pieces: number | null;
  readonly chargedInCents: number | null;
  readonly refundedInCents: number | null;
  /** The columns that are set, by their name in the table. */
  readonly known: readonly string[];
};
export type EventRow = {
  readonly service: Teller["service"];
  readonly streamId: string;
  readonly version: number;
  readonly type: string;
  readonly quantity: number | null;
  readonly onHand: number | null;
  readonly causationId: string | null;
};

export type Unpublishable = { readonly id: string; readonly key: string; readonly where: string };

/** What the four databases say of one run. Rows are by order id unless said otherwise. */
export type Records = {
  /** Of this run, in the order of their outbox. */
  readonly messages: readonly Message[];
  /** The ids of all messages that were committed since the run began, others' too. */
  readonly committed: ReadonlySet<string>;
  readonly handled: Handled;
  readonly orders: ReadonlyMap<string, OrderRow>;
  readonly payments: ReadonlyMap<string, PaymentRow>;
  readonly reservations: ReadonlyMap<string, ReservationRow>;
  readonly facts: ReadonlyMap<string, FactsRow>;
  /** By SKU. */
  readonly stock: ReadonlyMap<string, StockRow>;
  /** Of this run, stream by stream in the order of their position. */
  readonly streams: ReadonlyMap<string, readonly EventRow[]>;
  /** The version that each stream's own row tells. */
  readonly streamVersions: ReadonlyMap<string, number>;
  /** How far each relay is, by the service and its destination. */
  readonly cursors: readonly { readonly service: string; readonly destination: string; readonly position: number }[];
  /** Messages that a relay could not publish. */
  readonly unpublishable: readonly Unpublishable[];
};

/** Reads the effects before their causes, so that a message handled in the meantime is not taken for one out of nowhere. */
export async function readRecords(databases: Databases, window: Window): Promise<Records> {
  const { firstId, runId } = window;
  const handled = await readHandled(databases, window);
  const all = await readMessages(databases, window);
  const orders = await rowsOf<OrderRow>(databases.order, ordersText, [firstId, `${runId}-`]);
  const ids = orders.map(({ id }) => id);
  const isOurs = new Set(ids);
  const events = (await readEvents(databases, window)).filter(({ streamId }) => isOfRun(streamId, isOurs, runId));
  return {
    messages: all.filter(({ key }) => isOurs.has(key)),
    committed: new Set(all.map(({ id }) => id)),
    handled,
    orders: byId(orders),
    payments: byId(await rowsOf<PaymentRow>(databases.billing, paymentsText, [ids])),
    reservations: byId(await rowsOf<ReservationRow>(databases.inventory, reservationsText, [ids])),
    facts: byId(await rowsOf<FactsRow>(databases.analytics, factsText, [ids])),
    stock: new Map(
      (await rowsOf<StockRow>(databases.inventory, stockText, [`${runId}-`])).map((row) => [row.sku, row]),
    ),
    streams: Map.groupBy(events, ({ streamId }) => streamId),
    streamVersions: await readStreamVersions(databases, [...new Set(events.map(({ streamId }) => streamId))]),
    cursors: await ofEach<{ destination: string; position: number }>(databases, cursorsText, []),
    unpublishable: (await ofEach<Unpublishable>(databases, unpublishableText, [])).filter(({ key }) => isOurs.has(key)),
  };
}

const ordersText = `select order_id as id, status, payment, stock, total_in_cents::float8 as "totalInCents"
  from orders where order_id >= $1 and starts_with(customer_id, $2)`;
const paymentsText = `select order_id as id, status, amount_in_cents::float8 as "amountInCents"
  from payments where order_id = any($1)`;
const reservationsText = "select order_id as id, status from reservations where order_id = any($1)";
const factsText = `select order_id as id, total_in_cents::float8 as "totalInCents", pieces,
    charged_in_cents::float8 as "chargedInCents", refunded_in_cents::float8 as "refundedInCents",
    (select array_agg(key) from jsonb_each(to_jsonb(order_facts)) where value <> 'null') as known
  from order_facts where order_id = any($1)`;
const stockText = `select sku, on_hand::float8 as "onHand", reserved::float8 as reserved
  from stock where starts_with(sku, $1)`;
const cursorsText = `select reader as destination, min(position)::float8 as position
  from log_cursors where log = 'outbox' group by reader`;
const unpublishableText = `select id, key, 'parked for ' || destination as where from outbox_parked
  union all select id, key, 'dead for ' || destination from outbox_dead`;

async function readEvents(databases: Databases, { after }: Window): Promise<EventRow[]> {
  const perService = await Promise.all(
    tellers.map(async ({ service }) => {
      const rows = await rowsOf<Omit<EventRow, "service">>(
        databases[service],
        `select stream_id as "streamId", version, type, (data ->> 'quantity')::float8 as quantity,
           (data ->> 'onHand')::float8 as "onHand", metadata ->> 'causationId' as "causationId"
         from events where position > $1 order by position`,
        [after.get(service)?.events ?? 0],
      );
      return rows.map((row) => ({ ...row, service }));
    }),
  );
  return perService.flat();
}

/** `order-<id>`, `payment-<id>` and `stock-<sku>`. */
function isOfRun(streamId: string, orderIds: ReadonlySet<string>, runId: string): boolean {
  const id = streamId.slice(streamId.indexOf("-") + 1);
  return orderIds.has(id) || id.startsWith(`${runId}-`);
}

async function readStreamVersions(databases: Databases, streamIds: readonly string[]): Promise<Map<string, number>> {
  const text = "select stream_id as id, version from streams where stream_id = any($1)";
  const rows = await ofEach<{ id: string; version: number }>(databases, text, [streamIds]);
  return new Map(rows.map(({ id, version }) => [id, version]));
}

async function ofEach<Row>(databases: Databases, text: string, values: readonly unknown[]) {
  const rows = tellers.map(async ({ service }) =>
    (await rowsOf<Row>(databases[service], text, values)).map((row) => ({ ...row, service })),
  );
  return (await Promise.all(rows)).flat();
}

function byId<Row extends { readonly id: string }>(rows: readonly Row[]): Map<string, Row> {
  return new Map(rows.map((row) => [row.id, row]));
}
