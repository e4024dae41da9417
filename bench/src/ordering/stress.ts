import { setTimeout as pause } from "node:timers/promises";
import type pg from "pg";
import type { Place, Round } from "../harness/bench.ts";
import { openPool } from "../harness/raw-database.ts";
import { timed } from "../harness/timed.ts";

export type Row = { readonly writer: number; readonly number: number };

/** A way to follow a table while others write to it. */
export type Protocol = {
  /** Makes the table `notes (position, writer, number)`, and whatever guards it. */
  readonly create: (pool: pg.Pool) => Promise<unknown>;
  /** A reader at the beginning; each call gives what may be read next. */
  readonly follow: (pool: pg.Pool) => () => Promise<readonly Row[]>;
};

/** The table of those who go by the ids of transactions. */
export const createWithXid = `create table notes (xid xid8 not null default pg_current_xact_id(),
  position bigint generated always as identity primary key, writer int, number int);
  create index notes_by_xid on notes (xid, position)`;

const writers = 12;
const transactionsEach = 150;

/** Its figures say what was lost, doubled and reordered; nothing is refused, since that is what is compared. */
export async function stress({ databaseUrl }: Place, { create, follow }: Protocol): Promise<Round> {
  await using pool = openPool(databaseUrl, writers + 2);
  await create(pool);
  const read = follow(pool);
  const seen: Row[] = [];
  let isWriting = true;
  const reader = (async () => {
    while (isWriting) seen.push(...(await read()));
  })();
  let committed: Row[] = [];
  const { seconds } = await timed(async () => {
    committed = (await Promise.all(Array.from({ length: writers }, (_, writer) => writeStream(pool, writer)))).flat();
  });
  isWriting = false;
  await reader;
  for (let rows = await read(); rows.length > 0; rows = await read()) seen.push(...rows);
  return { figures: { committed: committed.length / seconds, ...compare(committed, seen) }, tallies: [] };
}

/** One to three rows a transaction, with pauses before, between and behind them; one in ten is rolled back. */
async function writeStream(pool: pg.Pool, writer: number): Promise<Row[]> {
  const committed: Row[] = [];
  let number = 0;
  for (let count = 0; count < transactionsEach; count++) {
    const client = await pool.connect();
    const rows = Array.from({ length: below(3) + 1 }, () => ({ writer, number: number++ }));
    await client.query("begin");
    // Whatever was written before makes the transaction older than its first row.
    if (Math.random() < 0.3) await client.query("select pg_current_xact_id()");
    for (const row of rows) {
      if (Math.random() < 0.3) await pause(below(5));
      await client.query("insert into notes (writer, number) values ($1, $2)", [row.writer, row.number]);
    }
    if (Math.random() < 0.3) await pause(below(5));
    const isKept = Math.random() < 0.9;
    await client.query(isKept ? "commit" : "rollback");
    client.release();
    if (isKept) committed.push(...rows);
  }
  return committed;
}

function compare(committed: readonly Row[], seen: readonly Row[]) {
  const nameOf = ({ writer, number }: Row) => `${writer} ${number}`;
  const arrived = new Set(seen.map(nameOf));
  const lastOf = new Map<number, number>();
  let reordered = 0;
  for (const { writer, number } of seen) {
    const last = lastOf.get(writer) ?? -1;
    if (number < last) reordered += 1;
    lastOf.set(writer, Math.max(last, number));
  }
  return {
    lost: committed.filter((row) => !arrived.has(nameOf(row))).length,
    doubled: seen.length - arrived.size,
    "out of order": reordered,
  };
}

function below(limit: number): number {
  return Math.floor(Math.random() * limit);
}
