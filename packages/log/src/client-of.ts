import { is } from "drizzle-orm";
import { type NodePgClient, NodePgSession } from "drizzle-orm/node-postgres";
import type { Database, Transaction } from "./database.ts";

/** The pool, or the connection of a transaction, which drizzle keeps to itself. */
export function clientOf({ _: { session } }: Database | Transaction): NodePgClient {
  if (!is(session, NodePgSession)) throw new Error("Statements need drizzle over node-postgres");
  // biome-ignore lint/complexity/useLiteralKeys: it is private.
  return session["client"];
}
