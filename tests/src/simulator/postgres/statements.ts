import type { Statement, Transaction } from "./engine.ts";
import { inboxStatements } from "./inbox-statements.ts";
import { logStatements } from "./log-statements.ts";
import { outboxStatements } from "./outbox-statements.ts";
import { parkingStatements } from "./parking-statements.ts";
import type { Schema } from "./schema.ts";
import { shopStatements } from "./shop-statements.ts";

/** Prepared statements by name, as the packages name them. A generator where Postgres may be overtaken. */
export type Statements = {
  readonly [name: string]: (tx: Transaction, server: Server, values: readonly unknown[]) => Statement | object[];
};

export type Server = {
  readonly schema: Schema;
  /** `clock_timestamp()`. */
  readonly clockMs: () => number;
};

const statements: Statements = {
  ...logStatements,
  ...outboxStatements,
  ...parkingStatements,
  ...inboxStatements,
  ...shopStatements,
};

/** Throws where a package has a statement that nobody has taught the simulator. */
export function statementOf(name: string | undefined, text: string): Statements[string] {
  const statement = statements[name ?? ""];
  if (statement !== undefined) return statement;
  throw new Error(`The simulator does not know statement ${name}: teach it in tests/src/simulator/postgres. ${text}`);
}
