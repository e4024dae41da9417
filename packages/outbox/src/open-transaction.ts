import { EventEmitter } from "node:events";
import type { Transaction } from "@throughline/log";
import { is } from "drizzle-orm";
import { NodePgSession } from "drizzle-orm/node-postgres";
import { PgTransaction } from "drizzle-orm/pg-core";

/** Throws where `tx` is a database, which would commit by itself, or a transaction that has ended. */
export function requireOpenTransaction(tx: Transaction): void {
  if (!is(tx, PgTransaction)) {
    throw new Error("Messages are enqueued in a transaction, with the handle that database.transaction hands out");
  }
  const client = clientOf(tx);
  if (client && "getTransactionStatus" in client && client.getTransactionStatus() === "I") {
    throw new Error("Messages are enqueued in a transaction, and this one has ended");
  }
}

/** What `pg` hears from the server on the connection of `tx`; undefined with another driver. */
export function connectionOf(tx: Transaction): EventEmitter | undefined {
  const client = clientOf(tx);
  return client && "connection" in client && client.connection instanceof EventEmitter ? client.connection : undefined;
}

/** drizzle keeps the connection private, and only it knows whether it is in a transaction. */
function clientOf(tx: Transaction) {
  const { session } = tx._;
  // biome-ignore lint/complexity/useLiteralKeys: it is private.
  return is(session, NodePgSession) ? session["client"] : undefined;
}
