import { type Database, query } from "@throughline/log";

/** Letters that nobody has settled yet. */
export type OpenLetters = {
  readonly group: string;
  /** Of the outbox, the destination that refused them. */
  readonly road: string;
  /** Waiting for a person. */
  readonly open: number;
  /** Sent again three times, and dead again. */
  readonly quarantined: number;
};

export function readStatus(database: Database): Promise<OpenLetters[]> {
  return query<OpenLetters>(
    database,
    "dead_letter_status",
    `select group_name as "group", case road when 'outbox' then origin else road end as road, count(*) filter (where state = 'open')::int as open,
       count(*) filter (where state = 'quarantined')::int as quarantined
     from dead_letters where state in ('open', 'quarantined') group by 1, 2 order by 1, 2`,
  );
}
