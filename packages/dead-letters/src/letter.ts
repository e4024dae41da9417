import { type Database, query, type Transaction } from "@throughline/log";
import type { DeadLetter } from "@throughline/transport";
import { inMs, toDate } from "./moment.ts";

export const states = ["open", "replayed", "discarded", "replaced", "quarantined"] as const;
export type State = (typeof states)[number];

/** A dead letter as its row has it. */
export type Letter = DeadLetter & {
  /** Its name within the service: `17`. */
  readonly number: number;
  readonly state: State;
  /** `kafka`, `sns-sqs`, `rabbitmq`, `memory`; `outbox` and `inbox` where it died in this database. */
  readonly road: string;
  readonly messageId: string | null;
  readonly type: string | null;
  readonly version: string | null;
  readonly key: string | null;
  readonly traceparent: string | null;
  readonly correlationId: string | null;
  readonly fingerprint: string;
  readonly replays: number;
  readonly deaths: number;
  readonly firstFailedAt: Date;
  readonly replacedBy: string | null;
};

/** How often a message is sent again before it is only looked at. */
export const mostReplays = 3;

type Row = Omit<Letter, "origin" | "error" | "failedAt" | "firstFailedAt"> & {
  readonly origin: string;
  readonly originPartition: number | null;
  readonly originOffset: string | null;
  readonly originKey: string | null;
  readonly errorName: string;
  readonly errorMessage: string;
  readonly errorStack: string;
  readonly firstFailedAt: number;
  readonly lastFailedAt: number;
};

const columns = `number::float8 as number, state, group_name as "group", road, origin, origin_partition as "originPartition",
  origin_offset as "originOffset", origin_key as "originKey", body, headers, message_id as "messageId", type, version, key, traceparent,
  correlation_id as "correlationId", error_name as "errorName", error_message as "errorMessage",
  error_stack as "errorStack", fingerprint, attempts, replays, cardinality(deaths) as deaths,
  ${inMs("first_failed_at")} as "firstFailedAt", ${inMs("last_failed_at")} as "lastFailedAt", replaced_by as "replacedBy"`;

export async function findLetter(handle: Database | Transaction, number: number): Promise<Letter | undefined> {
  const [letter] = await findLetters(handle, [number]);
  return letter;
}

/** Those of them that there are, in their order. */
export async function findLetters(handle: Database | Transaction, numbers: readonly number[]): Promise<Letter[]> {
  const text = `select ${columns} from dead_letters where number = any($1::bigint[]) order by array_position($1, number)`;
  return (await query<Row>(handle, "dead_letter_find", text, [numbers])).map(toLetter);
}

/** Reads the letter for a change, once nobody else is at one; nothing where it is in none of these states any more. */
export async function lockLetter(
  tx: Transaction,
  number: number,
  among: readonly State[],
): Promise<Letter | undefined> {
  const text = `select ${columns} from dead_letters where number = $1 and state = any($2) for update`;
  const [row] = await query<Row>(tx, "dead_letter_lock", text, [number, among]);
  return row && toLetter(row);
}

export type LetterFilter = {
  readonly states: readonly State[];
  readonly fingerprint?: string | undefined;
  /** Only those that died, for the last time, before this moment. */
  readonly before?: Date | undefined;
};

/** Oldest death first: the order in which they are sent again. */
export async function findNumbers(database: Database, filter: LetterFilter): Promise<number[]> {
  const rows = await query<{ number: number }>(
    database,
    "dead_letter_numbers",
    `select number::float8 as number from dead_letters
     where state = any($1) and ($2::text is null or fingerprint = $2) and ($3::timestamptz is null or last_failed_at < $3)
     order by last_failed_at, number`,
    [filter.states, filter.fingerprint ?? null, filter.before ?? null],
  );
  return rows.map(({ number }) => number);
}

function toLetter(row: Row): Letter {
  const {
    origin,
    originPartition,
    originOffset,
    originKey,
    errorName,
    errorMessage,
    errorStack,
    firstFailedAt,
    lastFailedAt,
    ...same
  } = row;
  return {
    ...same,
    origin: {
      name: origin,
      ...(originPartition === null ? {} : { partition: originPartition }),
      ...(originOffset === null ? {} : { offset: originOffset }),
      ...(originKey === null ? {} : { key: originKey }),
    },
    error: { name: errorName, message: errorMessage, stack: errorStack },
    firstFailedAt: toDate(firstFailedAt),
    failedAt: toDate(lastFailedAt),
  };
}
