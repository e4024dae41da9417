import { is } from "drizzle-orm";
import { NodePgSession } from "drizzle-orm/node-postgres";
import type { PoolClient } from "pg";
import type { Transaction } from "./database.ts";

export type Confinement = {
  /** Lets nothing out any more but the COMMIT or the ROLLBACK. */
  close(): void;
};

type Watch = Confinement & { readonly open: Map<Transaction, number> };
type Ask = (statement: { readonly text: string }, ...rest: unknown[]) => unknown;

/** By session: drizzle makes one for each transaction, and all that is asked of it, or in its savepoints, goes through it. */
const watches = new WeakMap<object, Watch>();
const ended = new WeakSet<object>();
const savepointEnd = /^(?:release|rollback to) savepoint sp(\d+)$/;

/**
 * From now on, nothing that is asked of the transaction, or in a savepoint of it, goes out after its COMMIT or ROLLBACK:
 * it would commit by itself, or in the connection's next transaction. drizzle sends these at once when a callback ends,
 * whatever is still under way in it. The same for what `query` asks of a savepoint that has ended, and was confined.
 */
export function confine(tx: Transaction): Confinement {
  const { session } = tx._;
  const watch = watches.get(session) ?? watchEnd(session);
  watches.set(session, watch);
  // biome-ignore lint/complexity/useLiteralKeys: it is protected.
  if (!ended.has(tx)) watch.open.set(tx, tx["nestedIndex"]);
  return watch;
}

/** Whether the handle is of a savepoint that has ended. */
export function hasEnded(handle: object): boolean {
  return ended.has(handle);
}

function watchEnd(session: Transaction["_"]["session"]): Watch {
  const open = new Map<Transaction, number>();
  let isClosed = false;
  // biome-ignore lint/complexity/useLiteralKeys: it is private.
  const client = is(session, NodePgSession) ? session["client"] : undefined;
  if (client !== undefined && "release" in client) {
    const query: Ask = (statement, ...rest) => {
      const isEnd = statement.text === "commit" || statement.text === "rollback";
      if (isClosed && !isEnd) return Promise.reject(new Error("Its transaction has ended"));
      isClosed ||= isEnd;
      const [, depth] = savepointEnd.exec(statement.text) ?? [];
      if (depth !== undefined) endSavepoints(open, Number(depth));
      return (client.query as Ask)(statement, ...rest);
    };
    const get = (target: PoolClient, name: string | symbol) => (name === "query" ? query : Reflect.get(target, name));
    Object.assign(session, { client: new Proxy(client, { get }) });
  }
  return {
    open,
    close() {
      isClosed = true;
    },
  };
}

function endSavepoints(open: Map<Transaction, number>, from: number): void {
  for (const [handle, depth] of open) {
    if (depth < from) continue;
    open.delete(handle);
    ended.add(handle);
  }
}
