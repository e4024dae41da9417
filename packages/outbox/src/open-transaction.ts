import type { Transaction } from "@throughline/log";
import { is } from "drizzle-orm";
import { NodePgSession } from "drizzle-orm/node-postgres";
import { PgTransaction } from "drizzle-orm/pg-core";

/** Throws where `tx` is a database, which would commit by itself, or a transaction that has ended. */
export function requireOpenTransaction(tx: Transaction): void {
  if (!is(tx, PgTransaction)) {
    throw new Error("Messages are enqueued in a transaction, with the handle that database.transaction hands out");
  }
  const { session } = tx._;
  if (!is(session, NodePgSession)) return;
  // biome-ignore lint/complexity/useLiteralKeys: drizzle keeps the connection private, and only it knows whether it is in a transaction.
  const client = session["client"];
  if ("getTransactionStatus" in client && client.getTransactionStatus() === "I") {
    throw new Error("Messages are enqueued in a transaction, and this one has ended");
  }
}
