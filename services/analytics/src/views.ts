import { type Database, saveLast, type Transaction } from "@throughline/log";
import { and, gte, lt, sql } from "drizzle-orm";
import { orderFacts } from "./schema.ts";

export type OrderFacts = Partial<Omit<typeof orderFacts.$inferInsert, "orderId">>;

export type Report = {
  readonly orders: { readonly placed: number; readonly completed: number; readonly cancelled: number };
  readonly pieces: number;
  /** Of completed orders, by the day (UTC) on which they were placed; until that is known, on which they were completed. */
  readonly revenueByDay: readonly (Revenue & { readonly day: string })[];
  readonly revenue: readonly Revenue[];
};

export type Revenue = { readonly currency: string; readonly orders: number; readonly amountInCents: number };

const save = saveLast(orderFacts);

/** Sets what one message tells of an order; setting it again changes nothing. */
export async function setFacts(tx: Transaction, orderId: string, facts: OrderFacts): Promise<void> {
  save(tx, { orderId, ...facts });
}

/** Orders placed from `from` up to, not including, `to`. */
export async function reportOrders(
  database: Database,
  { from, to }: { readonly from?: Date | undefined; readonly to?: Date | undefined },
): Promise<Report> {
  const inPeriod = and(from && gte(orderFacts.placedAt, from), to && lt(orderFacts.placedAt, to));
  const completed = sql`${orderFacts.completedAt} is not null`;
  const cancelled = sql`${orderFacts.cancelledAt} is not null`;
  const [counts] = await database
    .select({
      placed: sql<number>`count(*) filter (where not (${completed}) and not (${cancelled}))::int`,
      completed: sql<number>`count(*) filter (where ${completed})::int`,
      cancelled: sql<number>`count(*) filter (where ${cancelled})::int`,
      pieces: sql<number>`coalesce(sum(${orderFacts.pieces}), 0)::float8`,
    })
    .from(orderFacts)
    .where(inPeriod);
  const at = sql`coalesce(${orderFacts.placedAt}, ${orderFacts.completedAt})`;
  const day = sql<string>`to_char(${at} at time zone 'UTC', 'YYYY-MM-DD')`;
  const revenueByDay = await database
    .select({
      day,
      currency: sql<string>`${orderFacts.currency}`,
      orders: sql<number>`count(*)::int`,
      amountInCents: sql<number>`sum(${orderFacts.totalInCents})::float8`,
    })
    .from(orderFacts)
    .where(and(inPeriod, completed))
    .groupBy(day, orderFacts.currency)
    .orderBy(day, orderFacts.currency);
  const { placed = 0, completed: done = 0, cancelled: ended = 0, pieces = 0 } = counts ?? {};
  return { orders: { placed, completed: done, cancelled: ended }, pieces, revenueByDay, revenue: total(revenueByDay) };
}

function total(days: readonly (Revenue & { readonly day: string })[]): Revenue[] {
  const byCurrency = Map.groupBy(days, (day) => day.currency);
  return [...byCurrency].map(([currency, rows]) => ({
    currency,
    orders: rows.reduce((sum, row) => sum + row.orders, 0),
    amountInCents: rows.reduce((sum, row) => sum + row.amountInCents, 0),
  }));
}
