import { EventEmitter } from "../events.ts";
import { actors, type World } from "../world.ts";
import type { Engine, EngineReply, Transaction } from "./engine.ts";
import { type Server, statementOf } from "./statements.ts";

/** A database server, and what is wrong with it at the moment. */
export type Postgres = Server & {
  readonly name: string;
  readonly engine: Engine;
  /** No connection goes through until then. */
  downUntil: number;
  /** How often a commit was answered by a broken connection. */
  unknownCommits: number;
  /** The chance, per statement, that its connection breaks; and as much for its answer. */
  readonly breaks: number;
  /** Told of each statement that went well, while its transaction is open. */
  readonly onDone: (seen: Seen, tx: Transaction) => void;
  /** Told of each answer that will arrive. */
  readonly onAnswer: (seen: Seen, actor: object | undefined) => void;
  /** Told of what a relay begins to publish, by its keys. */
  readonly onPublishing: (keys: readonly string[], actor: object) => void;
};

export type Seen = {
  readonly name: string | undefined;
  readonly values: readonly unknown[];
  readonly rows: readonly object[];
};

type Question = string | { readonly name?: string; readonly text: string };
type Answer = { readonly rows: object[]; readonly command?: string };
type Asked = { readonly name: string | undefined; readonly text: string; readonly values: readonly unknown[] };

/** As much of `pg.Pool` as drizzle uses, which knows it by this name. */
export class SimulatedPool {
  readonly #world: World;
  readonly #postgres: Postgres;

  constructor(world: World, postgres: Postgres) {
    this.#world = world;
    this.#postgres = postgres;
  }

  query(question: Question, values?: readonly unknown[]) {
    const connection = openConnection(this.#world, this.#postgres);
    return connection.query(question, values).finally(connection.release);
  }

  async connect() {
    return openConnection(this.#world, this.#postgres);
  }
}

/** How to break the connections of each actor. */
const connections = new WeakMap<object, Set<() => void>>();

export function breakConnections(actor: object): void {
  for (const breakOff of connections.get(actor) ?? []) breakOff();
  connections.delete(actor);
}

/** What it was doing when it breaks is rolled back, unless it was a commit that had arrived. */
function openConnection(world: World, postgres: Postgres) {
  const { engine } = postgres;
  const actor = actors.getStore();
  let current: Transaction | undefined;
  let isBroken = false;
  let before: Promise<unknown> = Promise.resolve();
  const breakOff = () => {
    isBroken = true;
    if (current !== undefined) engine.rollback(current);
    current = undefined;
  };
  if (actor !== undefined) connections.set(actor, (connections.get(actor) ?? new Set()).add(breakOff));

  const connection = new EventEmitter();
  return {
    /** What the driver hears from the server. */
    connection,
    getTransactionStatus: () => (current === undefined ? "I" : "T"),
    release: () => void (actor && connections.get(actor)?.delete(breakOff)),
    /** One statement after the other, in the order in which they are asked. */
    query(question: Question, values: readonly unknown[] = []): Promise<Answer> {
      const { name, text } = typeof question === "string" ? { name: undefined, text: question } : question;
      const answer = before.then(() => ask({ name, text, values }));
      before = answer.then(
        () => undefined,
        () => undefined,
      );
      return answer;
    },
  };

  function ask(asked: Asked): Promise<Answer> {
    const { name, text, values } = asked;
    const what = () => `${postgres.name} ${name ?? text} ${JSON.stringify(values)}`.slice(0, 200);
    return world.request(what, ({ resolve, reject }) => {
      if (world.now < postgres.downUntil || world.random.chance(postgres.breaks)) breakOff();
      if (isBroken) return reject(lostConnection());
      serve(asked, {
        reject,
        resolve(rows, command) {
          if (isAnswerLost(text)) return reject(lostConnection());
          postgres.onAnswer({ name, values, rows }, actor);
          resolve({ rows, ...(command && { command }) });
          if (connection.isHeard) world.later(0, actor, () => "hears that the server is ready", hear);
        },
      });
    });
  }

  function hear(): void {
    if (actor !== undefined)
      actors.run(actor, () => connection.emit("readyForQuery", { status: current === undefined ? "I" : "T" }));
  }

  function isAnswerLost(text: string): boolean {
    // A commit without an answer is what nobody can tell from one that never was.
    if (!world.random.chance(text === "commit" ? 5 * postgres.breaks : postgres.breaks)) return false;
    if (text === "commit") postgres.unknownCommits += 1;
    breakOff();
    return true;
  }

  function serve(asked: Asked, reply: EngineReply): void {
    const tx = current;
    const nothing = () => reply.resolve([]);
    if (asked.text === "begin") {
      current = engine.begin();
      nothing();
    } else if (asked.text === "commit" || asked.text === "rollback") {
      current = undefined;
      if (tx !== undefined && asked.text === "commit")
        engine.commit(tx, (committed) => reply.resolve([], committed ? "COMMIT" : "ROLLBACK"));
      else nothing();
      if (tx !== undefined && asked.text === "rollback") engine.rollback(tx);
    } else if (tx !== undefined) execute(tx, asked, reply);
    else executeAlone(asked, reply);
  }

  function execute(tx: Transaction, { name, text, values }: Asked, reply: EngineReply): void {
    engine.execute(tx, () => statementOf(name, text)(tx, postgres, values), {
      reject: reply.reject,
      resolve(rows) {
        postgres.onDone({ name, values, rows }, tx);
        reply.resolve(rows);
      },
    });
  }

  function executeAlone(asked: Asked, { resolve, reject }: EngineReply): void {
    const tx = engine.begin();
    current = tx;
    execute(tx, asked, {
      resolve(rows) {
        current = undefined;
        engine.commit(tx, () => resolve(rows));
      },
      reject(error) {
        current = undefined;
        engine.rollback(tx);
        reject(error);
      },
    });
  }
}

function lostConnection(): Error {
  return new Error("Connection terminated unexpectedly");
}
