import { type Database, query, type Transaction } from "@throughline/log";

/** What a person did to a destination. */
export type Action = {
  readonly action: "replayed" | "forgotten";
  readonly destination: string;
  readonly detail: string;
  readonly by: string;
  readonly at: Date;
};

/** Keeps who did what, in the transaction that does it. */
export async function noteAction(tx: Transaction, done: Omit<Action, "at">): Promise<void> {
  await query(
    tx,
    "outbox_note_action",
    "insert into outbox_actions (action, destination, detail, by_whom) values ($1, $2, $3, $4)",
    [done.action, done.destination, done.detail, done.by],
  );
}

/** The newest first. */
export async function readActions(database: Database, { most = 20 } = {}): Promise<Action[]> {
  const rows = await query<Omit<Action, "at"> & { readonly at: number }>(
    database,
    "outbox_actions",
    `select action, destination, detail, by_whom as by, (extract(epoch from at) * 1000)::float8 as at
     from outbox_actions order by number desc limit $1`,
    [most],
  );
  return rows.map((row) => ({ ...row, at: new Date(row.at) }));
}
