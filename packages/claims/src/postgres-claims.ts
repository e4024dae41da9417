import { type Database, query } from "@throughline/log";
import type { ClaimStore } from "./claim-store.ts";

const rowsAtOnce = 100;

/** Bodies in the table of `migrations`, in a database that all services share for this and nothing else. */
export function postgresClaims(database: Database): ClaimStore {
  return {
    async put(reference, body) {
      const text = "insert into claims (reference, body) values ($1, $2) on conflict do nothing";
      await query(database, "claims_put", text, [reference, body]);
    },
    async get(reference) {
      const text = "select body from claims where reference = $1";
      const [row] = await query<{ body: Uint8Array }>(database, "claims_get", text, [reference]);
      return row?.body;
    },
    async removeBefore(day) {
      let removed: unknown[];
      do {
        // A reference begins with its day.
        const text = `delete from claims where reference in
          (select reference from claims where reference < $1 limit ${rowsAtOnce}) returning reference`;
        removed = await query(database, "claims_remove", text, [day]);
      } while (removed.length === rowsAtOnce);
    },
  };
}
