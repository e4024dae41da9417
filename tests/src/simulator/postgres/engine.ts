import type { World } from "../world.ts";

/**
 * As much of Postgres as the packages rely on, in read committed: what a transaction writes is seen by others when it
 * commits, whoever wants a row that another has written waits for its end, an error spoils the transaction, and locks
 * are let go a moment after the commit is visible. A statement may pause wherever Postgres may be overtaken.
 */
export type Engine = {
  readonly name: string;
  begin(): Transaction;
  /** Steps through a statement; answers when it has ended. */
  execute(tx: Transaction, begin: () => Statement | object[], reply: EngineReply): void;
  /** Answers whether it really committed: one that is spoiled is rolled back, without an error. */
  commit(tx: Transaction, reply: (committed: boolean) => void): void;
  rollback(tx: Transaction): void;
};

export type EngineReply = { resolve(rows: object[], command?: string): void; reject(error: Error): void };

/** Yields nothing where others may come between, or the transaction whose end it waits for. */
export type Statement = Generator<Transaction | undefined, object[], void>;

export type Transaction = {
  state: "active" | "spoiled" | "committed" | "rolled back";
  waitsFor: Transaction | undefined;
  readonly written: Set<Row<object>>;
  readonly onEnd: (() => void)[];
  holdsLocks: boolean;
};

/** A row with its next state, if a transaction is at it. `undefined` stands for no such row. */
export type Row<Value extends object> = {
  value: Value | undefined;
  next: Value | undefined;
  writer: Transaction | undefined;
};

export class PostgresError extends Error {
  override readonly name = "PostgresError";
  /** What the server itself says has one, and a connection that broke has none. */
  readonly severity = "ERROR";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export function createEngine(name: string, world: World): Engine {
  const soon = (what: string, act: () => void) =>
    world.later(world.random.between(0, 0.2), undefined, () => `${name} ${what}`, act);

  function step(tx: Transaction, statement: Statement, reply: EngineReply): void {
    guard(tx, reply, () => {
      if (tx.state === "rolled back") throw new PostgresError("57P01", "the connection was lost");
      const { value, done } = statement.next();
      if (done) return reply.resolve(value);
      if (value === undefined) return void soon("goes on", () => step(tx, statement, reply));
      tx.waitsFor = value;
      if (isDeadlocked(tx)) throw new PostgresError("40P01", "deadlock detected");
      value.onEnd.push(() => {
        tx.waitsFor = undefined;
        step(tx, statement, reply);
      });
    });
  }

  function guard(tx: Transaction, { reject }: EngineReply, act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof PostgresError)) throw error;
      tx.waitsFor = undefined;
      if (tx.state === "active") tx.state = "spoiled";
      reject(error);
    }
  }

  function letGo(tx: Transaction): void {
    tx.holdsLocks = false;
    for (const row of tx.written) row.writer = undefined;
    for (const wake of tx.onEnd) soon("wakes who waited", wake);
  }

  function rollback(tx: Transaction): void {
    if (tx.state === "committed" || tx.state === "rolled back") return;
    tx.state = "rolled back";
    letGo(tx);
  }

  return {
    name,
    begin: () => ({ state: "active", waitsFor: undefined, written: new Set(), onEnd: [], holdsLocks: true }),
    execute(tx, begin, reply) {
      guard(tx, reply, () => {
        if (tx.state === "spoiled") throw new PostgresError("25P02", "current transaction is aborted");
        const statement = begin();
        if (Array.isArray(statement)) reply.resolve(statement);
        else step(tx, statement, reply);
      });
    },
    commit(tx, reply) {
      const commits = tx.state === "active";
      if (commits) {
        tx.state = "committed";
        for (const row of tx.written) row.value = row.next;
        if (tx.written.size === 0) letGo(tx);
        else soon("lets the locks go", () => letGo(tx));
      } else rollback(tx);
      reply(commits);
    },
    rollback,
  };
}

function isDeadlocked(tx: Transaction): boolean {
  for (let other = tx.waitsFor; other !== undefined; other = other.waitsFor) if (other === tx) return true;
  return false;
}
