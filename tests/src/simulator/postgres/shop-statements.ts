import { PostgresError } from "./engine.ts";
import type { Statements } from "./statements.ts";

let effects = 0;
let orders = 0;

/** What the simulated services ask of their own tables. */
export const shopStatements: Statements = {
  shop_place_order(tx, { schema }, values) {
    const [name, messages] = values as [string, string[]];
    orders += 1;
    schema.orders.set(tx, String(orders), { name, messages });
    return [];
  },
  shop_record_effect(tx, { schema }, values) {
    const [consumer, id] = values as [string, string];
    effects += 1;
    schema.effects.set(tx, String(effects), { consumer, id });
    return [];
  },
  /** Fails as a statement does that breaks a constraint. */
  shop_fail() {
    throw new PostgresError("23505", "duplicate key value violates unique constraint");
  },
};
