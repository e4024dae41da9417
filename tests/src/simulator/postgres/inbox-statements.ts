import type { Statements } from "./statements.ts";

/** What `@throughline/inbox` asks. */
export const inboxStatements: Statements = {
  "inbox-remember": function* (tx, { schema }, values) {
    const [consumer, ids] = values as [string, string[]];
    const fresh: { message_id: string }[] = [];
    for (const id of [...ids].sort()) {
      const key = `${consumer} ${id}`;
      yield;
      if ((yield* schema.handled.lock(tx, key)) !== undefined) continue;
      schema.handled.set(tx, key, { consumer, id });
      fresh.push({ message_id: id });
    }
    return fresh;
  },
  "inbox-is-remembered"(tx, { schema }, [consumer, id]) {
    return schema.handled.get(tx, `${consumer} ${id}`) === undefined ? [] : [{}];
  },
  "inbox-alive"() {
    return [{}];
  },
  // Partitions are for size, of which a simulation has none.
  "inbox-maintain"() {
    return [];
  },
};
