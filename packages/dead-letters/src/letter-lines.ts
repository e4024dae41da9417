import { type Database, query } from "@throughline/log";
import type { State } from "./letter.ts";
import { inMs, toDate } from "./moment.ts";

/** A letter as a line of a list has it. */
export type LetterLine = {
  readonly number: number;
  readonly state: State;
  readonly type: string | null;
  readonly key: string | null;
  readonly messageId: string | null;
  /** Of an outbox, the destination; null where a group could not handle it. */
  readonly refusedBy: string | null;
  readonly error: string;
  readonly deaths: number;
  readonly replays: number;
  readonly failedAt: Date;
};

export type LinesFilter = {
  /** Of one kind. Default: of all. */
  readonly fingerprint?: string;
  /** Of messages with this key. Default: with any. */
  readonly key?: string;
  readonly states: readonly State[];
  /** Only those with a lower number: the last of the page before. Default: from the latest on. */
  readonly below?: number | undefined;
  readonly most: number;
};

/** Letters, the latest first, without their bodies. */
export async function readLetterLines(database: Database, filter: LinesFilter): Promise<LetterLine[]> {
  const rows = await query<Omit<LetterLine, "failedAt"> & { readonly failedAt: number }>(
    database,
    "dead_letter_lines",
    `select number::float8 as number, state, type, key, message_id::text as "messageId",
       case road when 'outbox' then origin end as "refusedBy", error_name || ': ' || error_message as error,
       cardinality(deaths) as deaths, replays, ${inMs("last_failed_at")} as "failedAt"
     from dead_letters where ($1::text is null or fingerprint = $1) and state = any($2) and ($3::float8 is null or number < $3)
       and ($5::text is null or key = $5)
     order by number desc limit $4`,
    [filter.fingerprint ?? null, filter.states, filter.below ?? null, filter.most, filter.key ?? null],
  );
  return rows.map((row) => ({ ...row, failedAt: toDate(row.failedAt) }));
}
