import { redeemBody } from "@throughline/claims";
import { parseEnvelope, runCausedBy } from "@throughline/envelope";
import type { Reaction } from "@throughline/inbox";
import { query, type Transaction } from "@throughline/log";
import type { Desk } from "./desk.ts";
import type { Letter } from "./letter.ts";
import { type Preview, previewReplay } from "./preview.ts";

export type TableChange = {
  readonly table: string;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  /** As they would be afterwards, inserted and updated ones, 20 at most. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
};

export type DryRun = Omit<Preview, "reaction"> & {
  readonly changes: readonly TableChange[];
  /** What would leave by the outbox. */
  readonly published: readonly { readonly type: string; readonly key: string; readonly data: unknown }[];
};

type Counts = Pick<TableChange, "table" | "inserted" | "updated" | "deleted">;

const mostRows = 20;
const undo = Symbol("undo");

/**
 * Runs the reaction to a letter in a transaction that is rolled back, and tells what it changed. It takes the locks that
 * the reaction takes, for that long. A third party is not asked: a reaction that asks one is not tried.
 */
export async function dryRun(desk: Desk, letter: Letter): Promise<DryRun> {
  const { reaction, verdict, why } = await previewReplay(desk, letter);
  const nothing = { changes: [], published: [] };
  if (reaction === undefined) return { verdict, why, ...nothing };
  if (reaction.calls) return { verdict, why: `${why}, and asks a third party, which a dry run does not`, ...nothing };
  try {
    const changes = await tryOut(desk, letter, reaction);
    return { verdict, why, changes: changes.filter(isOwn), published: changes.flatMap(publishedIn) };
  } catch (error) {
    return { verdict: "fails", why: error instanceof Error ? error.message : String(error), ...nothing };
  }
}

async function tryOut({ database }: Desk, letter: Letter, reaction: Reaction): Promise<TableChange[]> {
  const changes: TableChange[] = [];
  const envelope = await redeemBody(parseEnvelope(letter.body));
  try {
    await database.transaction(async (tx) => {
      await query(tx, "dry_run_patience", "select set_config('lock_timeout', '5s', true)");
      const before = await countChanges(tx);
      await runCausedBy(envelope, async () => {
        const effect = await reaction.prepare(envelope, async () => false);
        await effect?.(tx);
      });
      // What would be asked at the COMMIT is asked now.
      await query(tx, "dry_run_deferred", "set constraints all immediate");
      const after = await countChanges(tx);
      for (const counts of difference(before, after)) changes.push(await withRows(tx, counts));
      throw undo;
    });
  } catch (thrown) {
    if (thrown !== undo) throw thrown;
  }
  return changes;
}

/** Postgres counts the rows of each table that this transaction has touched so far; what came before it may be in. */
function countChanges(tx: Transaction): Promise<Counts[]> {
  return query<Counts>(
    tx,
    "dry_run_counts",
    `select relid::regclass::text as table, n_tup_ins::int as inserted, n_tup_upd::int as updated, n_tup_del::int as deleted
     from pg_stat_xact_user_tables where n_tup_ins + n_tup_upd + n_tup_del > 0 order by relid`,
  );
}

function difference(before: readonly Counts[], after: readonly Counts[]): Counts[] {
  const earlier = new Map(before.map((counts) => [counts.table, counts]));
  return after
    .map(({ table, inserted, updated, deleted }) => {
      const known = earlier.get(table) ?? { inserted: 0, updated: 0, deleted: 0 };
      return {
        table,
        inserted: inserted - known.inserted,
        updated: updated - known.updated,
        deleted: deleted - known.deleted,
      };
    })
    .filter(({ inserted, updated, deleted }) => inserted + updated + deleted > 0);
}

/**
 * The versions of rows that this transaction wrote bear its id, or that of a savepoint, which is a little later. Of all
 * others that it sees, none is of a transaction that still runs.
 */
const isWrittenHere = `case when xmin::text::bigint - (pg_current_xact_id()::xid)::text::bigint between 0 and 100000 then pg_xact_status(
  ((pg_current_xact_id()::text::bigint >> 32 << 32) | xmin::text::bigint)::text::xid8) = 'in progress' end`;

async function withRows(tx: Transaction, counts: Counts): Promise<TableChange> {
  const rows = await query<{ row: Record<string, unknown> }>(
    tx,
    `dry_run_rows_${counts.table}`,
    `select to_jsonb(t) as row from ${counts.table} t where ${isWrittenHere} limit ${mostRows}`,
  );
  return { ...counts, rows: rows.map(({ row }) => row) };
}

/** Not what every message writes: the outbox is told as what is published. */
function isOwn({ table }: TableChange): boolean {
  return !/^(outbox_|log_)/.test(table);
}

function publishedIn({ table, rows }: TableChange): DryRun["published"] {
  if (!/^outbox_(p\d+|default)$/.test(table)) return [];
  return rows.map(({ wire }) => {
    const { type, key, data } = parseEnvelope(String(wire));
    return { type, key, data };
  });
}
