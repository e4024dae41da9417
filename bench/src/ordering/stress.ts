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
  await writersAreGone(pool);
  for (let rows = await read(); rows.length > 0; rows = await read()) seen.push(...rows);
  return { figures: { committed: committed.length / seconds, ...compare(committed, seen) }, tallies: [] };
}

/** Transactions of one to three inserts, of which one in ten is rolled back and one in fifty loses its connection, or dies. */
async function writeStream(pool: pg.Pool, writer: number): Promise<Row[]> {
  const committed: Row[] = [];
  let number = 0;
  for (let count = 0; count < transactionsEach; count++) {
    const client = await pool.connect();
    const isCutOff = Math.random() < 0.02;
    client.on("error", ignore);
    await client.query("begin");
    // Whatever was written before makes the transaction older than its first row.
    if (Math.random() < 0.3) await client.query("select pg_current_xact_id()");
    const written: Row[] = [];
    for (let insert = below(3); insert >= 0; insert--) {
      if (Math.random() < 0.3) await pause(below(5));
      const rows = Array.from({ length: below(2) + 1 }, () => ({ writer, number: number++ }));
      if (await writeRows(client, rows)) written.push(...rows);
    }
    if (Math.random() < 0.3) await pause(below(5));
    const isKept = !isCutOff && Math.random() < 0.9;
    if (isCutOff) await cutOff(client);
    else await client.query(isKept ? "commit" : "rollback");
    client.off("error", ignore);
    client.release(isCutOff);
    if (isKept) committed.push(...written);
  }
  return committed;
}

/** By the server, or as where the process of the writer is killed: its socket is gone, and the server finds out by itself. */
async function cutOff(client: pg.PoolClient & { readonly connection?: pg.Connection }): Promise<void> {
  if (Math.random() < 0.5) await client.query("select pg_terminate_backend(pg_backend_pid())").catch(() => undefined);
  else client.connection?.stream.destroy();
}

/** Whoever was killed holds readers back until the server has noticed. */
async function writersAreGone(pool: pg.Pool): Promise<void> {
  const text = `select 1 from pg_stat_activity
    where datname = current_database() and state like 'idle in transaction%' and pid <> pg_backend_pid()`;
  while ((await pool.query(text)).rows.length > 0) await pause(5);
}

/** As one statement, in one of five cases within a savepoint that is rolled back: then they are not there. */
async function writeRows(client: pg.PoolClient, rows: readonly Row[]): Promise<boolean> {
  const isKept = Math.random() < 0.8;
  if (!isKept) await client.query("savepoint there");
  const text = "insert into notes (writer, number) select * from unnest($1::int[], $2::int[])";
  await client.query(text, [rows.map(({ writer }) => writer), rows.map(({ number }) => number)]);
  if (!isKept) await client.query("rollback to savepoint there");
  return isKept;
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

/** The statement that is cut off says the same. */
function ignore() {}

function below(limit: number): number {
  return Math.floor(Math.random() * limit);
}
