import { hasTable, rowsOf, type Snapshot } from "./databases.ts";
import type { Finding } from "./finding.ts";
import type { Period } from "./period.ts";

type Key = {
  readonly source: string;
  readonly key: string;
  readonly count: number;
  readonly distinct: number;
  readonly first: number;
  readonly last: number;
  readonly counted: number | null;
};

/** Clocks differ, and a transaction may be long: a key that began so long after the oldest message kept has lost none to it. */
const marginMs = 24 * 60 * 60 * 1_000;

/**
 * The messages of a key are 1, 2, 3 … as its counter says. Where the oldest partitions are dropped a key may begin
 * later, and one that has no message left is looked at only if it began since. The last ones are never dropped before
 * others: where they are gone, on whichever day that was, it is told.
 */
export async function readSequences(
  { client, service }: Snapshot,
  { from, to }: Period,
  keptFrom: Date | undefined,
): Promise<Finding[]> {
  if (!(await hasTable(client, "outbox"))) return [];
  const wholeFrom = keptFrom && new Date(keptFrom.getTime() + marginMs);
  const broken = await rowsOf<Key>(client, text, [from.toISOString(), to.toISOString(), wholeFrom]);
  return broken.flatMap((row) => toFindings(row, service, keptFrom === undefined));
}

const text = `
  with told as (
    select source, key, count(*) as count, count(distinct sequence) as distinct, min(sequence) as first,
      max(sequence) as last, max("timestamp" collate "C") as newest,
      bool_or("timestamp" collate "C" >= $1 and "timestamp" collate "C" < $2) as is_inside
    from outbox group by source, key
  )
  select source, key, coalesce(t.count, 0)::float8 as count, coalesce(t.distinct, 0)::float8 as distinct,
    coalesce(t.first, 1)::float8 as first, coalesce(t.last, 0)::float8 as last, s.sequence::float8 as counted
  from told t full join outbox_sequences s using (source, key)
  where (t.key is null and ($3::timestamptz is null or s.begun_at > $3))
    or (t.last < s.sequence and t.newest < $2)
    or (t.is_inside and (t.count <> t.distinct or t.distinct <> t.last - t.first + 1
      or (t.first > 1 and $3 is null) or t.last is distinct from s.sequence))
  order by source, key`;

function toFindings(
  { source, key, count, distinct, first, last, counted }: Key,
  service: string,
  isWhole: boolean,
): Finding[] {
  const name = `${source} ${key}`;
  const missing = (counted ?? last) - (isWhole ? 0 : first - 1) - distinct;
  return [
    ...(missing > 0
      ? [
          {
            kind: "gap" as const,
            id: name,
            times: missing,
            fault: `${service} has ${distinct} of ${counted ?? last} messages about ${key} in its outbox`,
          },
        ]
      : []),
    ...(count > distinct
      ? [
          {
            kind: "twice-numbered" as const,
            id: name,
            times: count - distinct,
            fault: `${count} messages have ${distinct} numbers`,
          },
        ]
      : []),
  ];
}
