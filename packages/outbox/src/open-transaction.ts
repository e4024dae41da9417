import { EventEmitter } from "node:events";
import { clientOf, type Transaction } from "@throughline/log";
import { is } from "drizzle-orm";
import { PgTransaction } from "drizzle-orm/pg-core";

/** Throws where `tx` is a database, which would commit by itself, or a transaction that has ended. */
export function requireOpenTransaction(tx: Transaction): void {
  if (!is(tx, PgTransaction)) {
    throw new Error("Messages are enqueued in a transaction, with the handle that database.transaction hands out");
  }
  const client = clientOf(tx);
  if ("getTransactionStatus" in client && client.getTransactionStatus() === "I") {
    throw new Error("Messages are enqueued in a transaction, and this one has ended");
  }
}

/** What `pg` hears from the server on the connection of `tx`; undefined with another driver. */
export function connectionOf(tx: Transaction): EventEmitter | undefined {
  const client = clientOf(tx);
  return "connection" in client && client.connection instanceof EventEmitter ? client.connection : undefined;
}
