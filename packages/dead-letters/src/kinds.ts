import { type Database, query } from "@throughline/log";
import { inMs, toDate } from "./moment.ts";

/** Letters that died of the same. */
export type Kind = {
  readonly fingerprint: string;
  readonly group: string;
  readonly type: string | null;
  readonly road: string;
  readonly error: string;
  readonly open: number;
  readonly quarantined: number;
  /** Settled: replayed, replaced or discarded. */
  readonly settled: number;
  readonly firstFailedAt: Date;
  readonly lastFailedAt: Date;
  /** The latest five that wait, or else the latest five. */
  readonly numbers: readonly number[];
};

type Row = Omit<Kind, "firstFailedAt" | "lastFailedAt"> & Record<"firstFailedAt" | "lastFailedAt", number>;

/** The kinds that wait for a person, or all, or the one; the latest first. */
export async function readKinds(
  database: Database,
  { all, fingerprint }: { readonly all: boolean; readonly fingerprint?: string | undefined },
): Promise<Kind[]> {
  const rows = await query<Row>(
    database,
    "dead_letter_kinds",
    `select fingerprint, min(group_name) as "group", min(type) as type, string_agg(distinct road, ',') as road,
       (array_agg(error_name || ': ' || error_message order by last_failed_at desc))[1] as error,
       count(*) filter (where state = 'open')::int as open,
       count(*) filter (where state = 'quarantined')::int as quarantined,
       count(*) filter (where state not in ('open', 'quarantined'))::int as settled,
       ${inMs("min(first_failed_at)")} as "firstFailedAt", ${inMs("max(last_failed_at)")} as "lastFailedAt",
       (array_agg(number::float8 order by (state in ('open', 'quarantined')) desc, number desc))[:5] as numbers
     from dead_letters where $2::text is null or fingerprint = $2 group by fingerprint
     having $1 or count(*) filter (where state in ('open', 'quarantined')) > 0
     order by max(last_failed_at) desc`,
    [all, fingerprint ?? null],
  );
  return rows.map(({ firstFailedAt, lastFailedAt, ...kind }) => ({
    ...kind,
    firstFailedAt: toDate(firstFailedAt),
    lastFailedAt: toDate(lastFailedAt),
  }));
}
