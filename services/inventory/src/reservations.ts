import { askTogether, type Database, query, type Transaction } from "@throughline/log";
import { eq, inArray } from "drizzle-orm";
import { reservations } from "./schema.ts";

export type Reservation = typeof reservations.$inferSelect;

/** Notes what an order holds. Returns whether it is new: an order that is known keeps what it has. */
export function addReservation(tx: Transaction, reservation: typeof reservations.$inferInsert): Promise<boolean> {
  return askTogether(tx, addAll, reservation);
}

/** The reservation as it is now, until `tx` ends; undefined where nothing has been heard of the order. */
export function lockReservation(tx: Transaction, orderId: string): Promise<Reservation | undefined> {
  return askTogether(tx, lockAll, orderId);
}

export async function setStatus(tx: Transaction, orderId: string, status: Reservation["status"]): Promise<void> {
  await askTogether(tx, setAll, { orderId, status });
}

/** What became of an order here; undefined where nothing has been heard of it. */
export async function findReservation(database: Database, orderId: string): Promise<Reservation | undefined> {
  const [reservation] = await database.select().from(reservations).where(eq(reservations.orderId, orderId));
  return reservation;
}

async function addAll(tx: Transaction, added: readonly (typeof reservations.$inferInsert)[]): Promise<boolean[]> {
  const known = { orderId: reservations.orderId };
  const inserted = await tx
    .insert(reservations)
    .values([...added])
    .onConflictDoNothing()
    .returning(known);
  const fresh = new Set(inserted.map(({ orderId }) => orderId));
  return added.map(({ orderId }) => fresh.delete(orderId));
}

async function lockAll(tx: Transaction, orderIds: readonly string[]): Promise<(Reservation | undefined)[]> {
  const locked = await tx
    .select()
    .from(reservations)
    .where(inArray(reservations.orderId, [...orderIds]))
    .for("update");
  const byOrder = new Map(locked.map((reservation) => [reservation.orderId, reservation]));
  return orderIds.map((orderId) => byOrder.get(orderId));
}

async function setAll(
  tx: Transaction,
  changes: readonly Pick<Reservation, "orderId" | "status">[],
): Promise<undefined[]> {
  const text = `update reservations as known set status = given.status, updated_at = now()
    from unnest($1::text[], $2::text[]) as given (order_id, status) where known.order_id = given.order_id`;
  await query(tx, "set-status", text, [changes.map(({ orderId }) => orderId), changes.map(({ status }) => status)]);
  return changes.map(() => undefined);
}
