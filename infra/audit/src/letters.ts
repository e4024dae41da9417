import { hasTable, rowsOf, type Snapshot } from "./databases.ts";

/** A dead letter, where a service keeps them. */
export type Letter = {
  /** `billing-17`. */
  readonly name: string;
  /** Who failed: a group, or a relay at a destination, as in `outbox kafka`. */
  readonly who: string;
  readonly id: string;
  readonly state: "open" | "quarantined" | "replayed" | "discarded" | "replaced";
  /** The message that went out in its place. */
  readonly replacedBy: string | null;
  readonly replacedAt: Date | null;
};

export async function readLetters({ service, client }: Snapshot): Promise<Letter[]> {
  if (!(await hasTable(client, "dead_letters"))) return [];
  return rowsOf<Letter>(
    client,
    `select '${service}-' || number as name, group_name || case road when 'outbox' then ' ' || origin else '' end as who,
       message_id::text as id, state, replaced_by::text as "replacedBy",
       (select max(at) from dead_letter_actions where letter = dead_letters.number and action = 'replaced') as "replacedAt"
     from dead_letters where message_id is not null order by number`,
  );
}
