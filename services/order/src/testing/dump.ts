import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { connect, createTestDatabase, openTestDatabase } from "@throughline/local/testing";
import { type SQL, sql } from "drizzle-orm";

const run = promisify(execFile);
const drill = `${import.meta.dirname}/../../../../docs/drills/restore-a-database.md`;

type Migrations = readonly { readonly name: string; readonly folder: string }[];
type Restored = Awaited<ReturnType<typeof openTestDatabase>>;

/**
 * Dumps a database and restores it as another one: by the commands of the drill where there is a `pg_dump` that is not
 * older than the server, and otherwise by what it does, a copy of all rows as of one moment and of the sequences after.
 */
export async function dumpAndRestore(url: string, ...packages: Migrations): Promise<Restored> {
  if (!(await fits(url))) {
    const restored = await openTestDatabase(...packages);
    await copyRows(url, restored.url);
    return restored;
  }
  const opened = new AsyncDisposableStack();
  const restored = opened.use(await createTestDatabase());
  await followTheDrill({ OLD: url, NEW: restored.url });
  const { database } = opened.use(connect(restored.url));
  return { url: restored.url, database, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

async function fits(url: string): Promise<boolean> {
  await using server = connect(url, 1);
  const { rows } = await server.database.execute<{ major: number }>(
    "select current_setting('server_version_num')::int / 10000 as major",
  );
  const { stdout } = await run("pg_dump", ["--version"]).catch(() => ({ stdout: "" }));
  return Number(/\d+/.exec(stdout)?.[0] ?? 0) >= (rows[0]?.major ?? Number.POSITIVE_INFINITY);
}

async function followTheDrill(env: NodeJS.ProcessEnv): Promise<void> {
  const commands = (await readFile(drill, "utf8")).split("\n").filter((line) => /^pg_(dump|restore) /.test(line));
  const folder = await mkdtemp(join(tmpdir(), "dump-"));
  try {
    for (const command of commands) await run("sh", ["-c", command], { cwd: folder, env: { ...process.env, ...env } });
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function copyRows(from: string, to: string): Promise<void> {
  await using source = connect(from, 1);
  await using target = connect(to, 1);
  const snapshot = { isolationLevel: "repeatable read", accessMode: "read only" } as const;
  await source.database.transaction(async (tx) => {
    const read = async <Row extends Record<string, unknown>>(text: SQL) => (await tx.execute<Row>(text)).rows;
    for (const { name, columns } of await read<{ name: string; columns: string }>(tablesQuery)) {
      const [all] = await read(sql`select coalesce(json_agg(t), '[]')::text as rows from ${sql.raw(name)} as t`);
      await target.database.execute(
        sql`insert into ${sql.raw(name)} (${sql.raw(columns)}) overriding system value
          select ${sql.raw(columns)} from json_populate_recordset(null::${sql.raw(name)}, ${all?.rows}::json)`,
      );
    }
    // Sequences know no snapshots: read after the rows, they are at their end or above it.
    for (const { name, last } of await read<{ name: string; last: string }>(sequencesQuery)) {
      await target.database.execute(sql`select setval(${name}, ${last}::bigint)`);
    }
  }, snapshot);
}

const tablesQuery = sql`select c.relname as name, string_agg(quote_ident(attname), ', ' order by attnum) as columns
  from pg_class c join pg_attribute on attrelid = c.oid
  where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
    and attnum > 0 and not attisdropped and attgenerated = ''
  group by c.relname order by c.relname`;

const sequencesQuery = sql`select sequencename as name, last_value::text as last
  from pg_sequences where schemaname = 'public' and last_value is not null`;
