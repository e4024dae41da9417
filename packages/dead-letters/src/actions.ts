import { type Database, query, type Transaction } from "@throughline/log";
import type { Act } from "./desk.ts";
import type { State } from "./letter.ts";
import { inMs, toDate } from "./moment.ts";

/** What somebody did to a letter. */
export type Action = {
  readonly action: string;
  readonly by: string;
  readonly at: Date;
  readonly reason: string | null;
  readonly detail: string | null;
};

/** Changes the letter's state, and keeps who did so and why: both or neither. */
export async function settle(
  tx: Transaction,
  number: number,
  state: Exclude<State, "open" | "quarantined">,
  { by, reason, replacedBy }: Act & { readonly replacedBy?: string },
): Promise<void> {
  await query(
    tx,
    "dead_letter_settle",
    `with settled as (
       update dead_letters set state = $2, replaced_by = $5,
         replays = replays + case when $2 = 'replayed' then 1 else 0 end
       where number = $1 returning number
     )
     insert into dead_letter_actions (letter, action, by_whom, reason, detail)
     select number, $2, $3, $4, $5::uuid::text from settled`,
    [number, state, by, reason ?? null, replacedBy ?? null],
  );
}

export async function readActions(database: Database, number: number): Promise<Action[]> {
  const rows = await query<Omit<Action, "at"> & { readonly at: number }>(
    database,
    "dead_letter_actions",
    `select action, by_whom as by, ${inMs("at")} as at, reason, detail from dead_letter_actions where letter = $1 order by number`,
    [number],
  );
  return rows.map((row) => ({ ...row, at: toDate(row.at) }));
}
