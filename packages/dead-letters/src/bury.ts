import { type Envelope, parseEnvelope } from "@throughline/envelope";
import { type Database, query, storable, type Transaction } from "@throughline/log";
import type { DeadLetter } from "@throughline/transport";
import { fingerprintOf } from "./fingerprint.ts";
import { mostReplays } from "./letter.ts";

const mostStackBytes = 8 * 1_024;

/** A death: the letter, by which road it came, and what tells this death from any other. */
export type Death = { readonly letter: DeadLetter; readonly road: string; readonly id: string };

/** A death that was new, with the number of its letter. */
export type Burial = {
  readonly number: number;
  readonly group: string;
  readonly road: string;
  readonly fingerprint: string;
};

/**
 * Keeps a death. The same message, dead again in the same group or refused again by the same destination, has one row: it
 * is open again, or, after three replays, in quarantine. What is no envelope is known by its bytes and its record's key. A
 * death that is kept already changes nothing, and nothing is returned.
 */
export async function bury(handle: Database | Transaction, { letter, road, id }: Death): Promise<Burial | undefined> {
  const { group, origin, body, headers, error, attempts } = letter;
  const failedAt = Number.isNaN(letter.failedAt.getTime()) ? new Date() : letter.failedAt;
  const envelope = envelopeOf(body);
  const about = envelope?.type ?? origin.name;
  const [buried] = await query<Burial>(handle, "dead_letter_bury", burial, [
    ...[group, road, storable(origin.name), wholeOr(origin.partition, null), origin.offset ?? null],
    ...[Buffer.from(body), JSON.stringify(headers), envelope?.id ?? null, envelope?.type ?? null],
    ...[envelope?.version ?? null, envelope && storable(envelope.key), envelope?.traceparent ?? null],
    ...[envelope && storable(envelope.correlationId), storable(error.name), storable(error.message)],
    ...[cut(storable(error.stack ?? "")), fingerprintOf({ group, about, error }), wholeOr(attempts, 0)],
    ...[id, failedAt, mostReplays, origin.key === undefined ? null : storable(origin.key)],
  ]);
  return buried;
}

/** What tells a death from any other: its place on Kafka, which is there once, and elsewhere its moment. */
export function deathOf(road: string, { origin, failedAt }: DeadLetter): string {
  const { name, partition, offset } = origin;
  return partition === undefined || offset === undefined
    ? `${road} ${name} ${failedAt.getTime()}`
    : `${road} ${name} ${partition} ${offset}`;
}

export function envelopeOf(body: Uint8Array): Envelope | undefined {
  try {
    return parseEnvelope(body);
  } catch {
    return undefined; // The letter's own error says so.
  }
}

/** Headers can be written by anybody: what Postgres has no `integer` for is none. */
function wholeOr<Other>(value: number | undefined, other: Other): number | Other {
  return value !== undefined && (value | 0) === value ? value : other;
}

function cut(stack: string): string {
  return Buffer.byteLength(stack) <= mostStackBytes
    ? stack
    : Buffer.from(stack)
        .subarray(0, mostStackBytes - 3)
        .toString();
}

const burial = `
  insert into dead_letters as known (group_name, road, origin, origin_partition, origin_offset, body, headers,
    message_id, type, version, key, traceparent, correlation_id, error_name, error_message, error_stack, fingerprint,
    attempts, deaths, first_failed_at, last_failed_at, origin_key)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, array[$19], $20, $20, $22)
  on conflict (group_name, (case when road = 'outbox' then origin else '' end),
    (case when message_id is null then md5(coalesce(origin_key, '')) else '' end), sha256(body)) do update set
    state = case when known.replays >= $21 then 'quarantined' else 'open' end,
    road = excluded.road, origin = excluded.origin, origin_partition = excluded.origin_partition,
    origin_offset = excluded.origin_offset, origin_key = excluded.origin_key, headers = excluded.headers, error_name = excluded.error_name,
    error_message = excluded.error_message, error_stack = excluded.error_stack, fingerprint = excluded.fingerprint,
    attempts = excluded.attempts, deaths = known.deaths || excluded.deaths,
    first_failed_at = least(known.first_failed_at, excluded.first_failed_at),
    last_failed_at = greatest(known.last_failed_at, excluded.last_failed_at), drained_at = clock_timestamp()
  where not known.deaths @> excluded.deaths
  returning number::float8 as number, group_name as "group", road, fingerprint`;
