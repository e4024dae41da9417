import type { Statements } from "./statements.ts";

/** What `@throughline/inbox` asks. */
export const inboxStatements: Statements = {
  "inbox-remember": function* (tx, { schema }, values) {
    const [consumer, ids] = values as [string, string[]];
    const answers: { id: string; standing: "new" }[] = [];
    for (const id of [...ids].sort()) {
      const key = `${consumer} ${id}`;
      yield;
      if ((yield* schema.handled.lock(tx, key)) !== undefined) continue;
      schema.handled.set(tx, key, { consumer, id });
      answers.push({ id, standing: "new" });
    }
    return answers;
  },
  "inbox-claim-due"() {
    return [];
  },
  // Partitions are for size, of which a simulation has none.
  "inbox-days"() {
    return [];
  },
};
