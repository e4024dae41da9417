import type { PoolClient } from "pg";
import { clientOf } from "./client-of.ts";
import type { Transaction } from "./database.ts";

export type Confinement = {
  /** Lets nothing out any more but the COMMIT or the ROLLBACK. */
  close(): void;
};

type Watch = Confinement & {
  readonly open: Map<Transaction, number>;
  /** Absent where nobody would hear of the end. */
  readonly last: Last[] | undefined;
  hasEnded(): boolean;
};
/** What is to be asked at the end, of `tx`. `ask` sends it at once when it is called. */
export type Last = {
  readonly tx: Transaction;
  readonly ask: (tx: Transaction, items: readonly unknown[]) => Promise<unknown>;
  readonly items: unknown[];
};
type Ask = (statement: { readonly text: string }, ...rest: unknown[]) => Promise<{ readonly command?: string }>;

/** By session: drizzle makes one for each transaction, and all that is asked of it, or in its savepoints, goes through it. */
const watches = new WeakMap<object, Watch>();
const ended = new WeakSet<object>();
const savepointEnd = /^(?:release|rollback to) savepoint sp(\d+)$/;
const bound = /^\s*(?:(commit|end|savepoint|release|prepare transaction|set constraints)|(rollback|abort))\b/i;

/**
 * From now on, nothing that is asked of the transaction, or in a savepoint of it, goes out after its COMMIT or ROLLBACK:
 * it would commit by itself, or in the connection's next transaction. drizzle sends these at once when a callback ends,
 * whatever is still under way in it. The same for what `query` asks of a savepoint that has ended, and was confined. And
 * a COMMIT that Postgres answers with a rollback, because somebody swallowed the error of a statement, fails.
 */
export function confine(tx: Transaction): Confinement {
  return watchOf(tx);
}

/**
 * What goes out right before the transaction commits, a savepoint begins or ends, or SET CONSTRAINTS asks for what was
 * deferred; never where it is rolled back. Where Postgres refuses it, the COMMIT fails, and nothing has committed.
 */
export function lastOf(tx: Transaction): Last[] {
  const watch = watchOf(tx);
  if (watch.last === undefined) throw new Error("What is asked last needs a transaction of a pool");
  if (watch.hasEnded()) throw new Error("Its transaction has ended");
  if (ended.has(tx)) throw new Error("Its savepoint has ended");
  return watch.last;
}

function watchOf(tx: Transaction): Watch {
  const { session } = tx._;
  const watch = watches.get(session) ?? watchEnd(tx);
  watches.set(session, watch);
  // biome-ignore lint/complexity/useLiteralKeys: it is protected.
  if (!ended.has(tx)) watch.open.set(tx, tx["nestedIndex"]);
  return watch;
}

/** Whether the handle is of a savepoint that has ended. */
export function hasEnded(handle: object): boolean {
  return ended.has(handle);
}

function watchEnd(tx: Transaction): Watch {
  const open = new Map<Transaction, number>();
  const last: Last[] = [];
  let isClosed = false;
  const client = clientOf(tx);
  // A connection of a pool is in the hands of one transaction at a time.
  const isWatched = "release" in client;
  if (isWatched) {
    const ask: Ask = (statement, ...rest) => (client.query as unknown as Ask)(statement, ...rest);
    const sendLast = () => {
      const [wasClosed, sent] = [isClosed, [] as Promise<unknown>[]];
      isClosed = false;
      try {
        for (const { tx, ask, items } of last.splice(0)) sent.push(ask(tx, items));
        return sent;
      } catch (error) {
        // The end is not sent, and nobody will look at these.
        void Promise.allSettled(sent);
        throw error;
      } finally {
        isClosed = wasClosed;
      }
    };
    const query: Ask = (statement, ...rest) => {
      const [, goesOn, goesBack] = bound.exec(statement.text) ?? [];
      const isEnd = statement.text === "commit" || statement.text === "rollback";
      if (isClosed && !isEnd) return Promise.reject(new Error("Its transaction has ended"));
      const sent = goesOn === undefined ? [] : sendLast();
      if (goesBack !== undefined) last.length = 0;
      isClosed ||= isEnd;
      const [, depth] = savepointEnd.exec(statement.text) ?? [];
      if (depth !== undefined) endSavepoints(open, Number(depth));
      const answer = ask(statement, ...rest);
      return goesOn === undefined ? answer : afterAll(sent, answer);
    };
    const get = (target: PoolClient, name: string | symbol) => (name === "query" ? query : Reflect.get(target, name));
    Object.assign(tx._.session, { client: new Proxy(client, { get }) });
  }
  return {
    open,
    last: isWatched ? last : undefined,
    hasEnded: () => isClosed || ("getTransactionStatus" in client && client.getTransactionStatus() === "I"),
    close() {
      isClosed = true;
    },
  };
}

/** What went out before the end says best why the end failed. */
async function afterAll<Answer extends { readonly command?: string }>(
  sent: readonly Promise<unknown>[],
  answer: Promise<Answer>,
): Promise<Answer> {
  await Promise.allSettled([...sent, answer]);
  await Promise.all(sent);
  const result = await answer;
  if (result.command !== "ROLLBACK") return result;
  const failed = { severity: "ERROR", code: "25P02" };
  throw Object.assign(new Error("Postgres rolled it back, since one of its statements had failed"), failed);
}

function endSavepoints(open: Map<Transaction, number>, from: number): void {
  for (const [handle, depth] of open) {
    if (depth < from) continue;
    open.delete(handle);
    ended.add(handle);
  }
}
