import { openPool } from "../harness/raw-database.ts";

/** Of the one kind of all letters below: whatever eight hex digits. */
export const kind = "b3c4c0de";

/** As many orders as said that a sender with a bug told billing of, each without its total, as dead letters. */
export async function insertLetters(databaseUrl: string, count: number): Promise<void> {
  await using pool = openPool(databaseUrl, 1);
  await pool.query(
    `insert into dead_letters (group_name, road, origin, body, headers, message_id, type, version, key, error_name,
       error_message, error_stack, fingerprint, attempts, deaths, first_failed_at, last_failed_at)
     select 'billing', 'sns-sqs', 'billing', convert_to(json_build_object('id', id, 'type', 'order.created',
         'version', '1', 'timestamp', '2026-11-27T00:00:00.000Z', 'source', 'order-service', 'key', 'o-' || n,
         'sequence', n, 'correlationId', id, 'data', json_build_object('orderId', 'o-' || n, 'customerId', 'bench',
         'currency', 'USD', 'items', '[]'::json, 'express', false))::text, 'utf8'),
       '{}', id, 'order.created', '1', 'o-' || n, 'RejectedError', 'data.totalInCents: expected a number', '', $2, 1,
       array[n::text], now(), now()
     from (select n, gen_random_uuid() as id from generate_series(1, $1::int) n) as letters`,
    [count, kind],
  );
}
