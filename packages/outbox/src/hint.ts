import { EventEmitter } from "node:events";
import type { Transaction } from "@throughline/log";
import { connectionOf } from "./open-transaction.ts";

const hints = new EventEmitter().setMaxListeners(0);
const watched = new WeakSet<EventEmitter>();

/**
 * Tells the relays of this process once `tx` has ended: that it committed is likely, and if not they look in vain. Where
 * the driver does not tell, they find out by polling.
 */
export function hintAtEnd(tx: Transaction): void {
  const connection = connectionOf(tx);
  if (connection === undefined || watched.has(connection)) return;
  watched.add(connection);
  // Postgres says after each statement whether a transaction is still open: I, idle, is said after COMMIT and ROLLBACK.
  const onReady = ({ status }: { readonly status: string }) => {
    if (status !== "I") return;
    connection.off("readyForQuery", onReady);
    watched.delete(connection);
    hints.emit("hint");
  };
  connection.on("readyForQuery", onReady);
}

/** Calls back on every hint, until disposed. */
export function onHint(listener: () => void): Disposable {
  hints.on("hint", listener);
  return { [Symbol.dispose]: () => void hints.off("hint", listener) };
}
