import { allEnded, type Database, type LogRange, query, readLog, type Transaction } from "@throughline/log";
import { type Decider, streamIdOf } from "./decider.ts";
import { eventLog } from "./read-events.ts";
import { readStream } from "./read-stream.ts";
import type { Event, RecordedEvent } from "./recorded-event.ts";
import { upcast } from "./upcast.ts";

/** A table with a row per entity, which is written in the transaction of each of its events, and by nothing else. */
export type View<Told extends Event, State> = {
  /** As in SQL, without a schema: `orders`. */
  readonly table: string;
  /** Sets the row to what the entity is after these events. Told again of all of them, in order, it comes to the same. */
  save(tx: Transaction, id: string, state: NonNullable<State>, events: readonly RecordedEvent<Told>[]): Promise<void>;
};

/** How the live view differed from its history: rows that it should not have had, and rows that it has now. */
export type Rebuilt = { readonly removed: number; readonly added: number };

/**
 * Builds a view from history beside the live one, with the code that keeps it, and switches: all in one transaction, so
 * that a reader sees the old rows or the new ones, and what fails changes nothing. Readers never wait, and writers only
 * for the switch. Rows that are right already are not touched. Throws where an event cannot be read or saved.
 */
export async function rebuildView<Command, Told extends Event, State>(
  database: Database,
  decider: Decider<Command, Told, State>,
  { table, save }: View<Told, State>,
): Promise<Rebuilt> {
  return await database.transaction(async (tx) => {
    await tx.execute("set local statement_timeout = 0");
    const live = await beginBeside(tx, table);
    const saveOne = async (page: Transaction, { stream_id }: Moved) => {
      const id = stream_id.slice(streamIdOf(decider, "").length);
      let state = decider.initialState;
      for (const stored of await readStream(page, stream_id)) {
        const event = upcast(decider, stored);
        state = decider.evolve(state, event);
        await save(page, id, state as NonNullable<State>, [event]);
      }
    };
    // A savepoint for each page: what is saved last is saved at its end, and not at the end of all.
    const saveAll = (moved: readonly Moved[]) =>
      tx.transaction((page) => allEnded(moved.map((one) => saveOne(page, one))));
    const after = await saveHistory(tx, decider.type, saveAll, { after: 0 });
    // From here on nobody writes to the view. Who has written before has committed, and who has appended an event that is
    // not seen yet waits here, and writes its row after the switch.
    await tx.execute(`lock table ${live} in share row exclusive mode`);
    const [last] = await query<{ position: number }>(tx, "event-store-last", lastText);
    await saveHistory(tx, decider.type, saveAll, { after, end: last?.position ?? 0 });
    return await switchTo(tx, `pg_temp.${table}`, live);
  });
}

/** Makes the table that hides the live one from this transaction, and ends with it. Returns the name of the live one. */
async function beginBeside(tx: Transaction, table: string): Promise<string> {
  const [found] = await query<{ live: string }>(tx, "event-store-live-view", liveText, [table]);
  const live = found?.live ?? table;
  await tx.execute(`create temporary table ${table} (like ${live} including all) on commit drop`);
  // A statement that this connection has planned before would go on writing to the live table.
  await tx.execute("discard plans");
  return live;
}

const liveText = `select format('%I.%I', nspname, relname) as live
  from pg_class as class join pg_namespace as schema on schema.oid = relnamespace where class.oid = $1::regclass`;

const pageSize = 100;

type Moved = { readonly stream_id: string };

/** Saves each entity where the log has its last event. Returns up to where it was read: to `end`, or nearly to the last. */
async function saveHistory(
  tx: Transaction,
  type: string,
  saveAll: (moved: readonly Moved[]) => Promise<unknown>,
  range: Pick<LogRange, "after" | "end">,
): Promise<number> {
  const asked = { name: "event-store-moved", columns: "stream_id", where: isLast, values: [type] };
  let { after } = range;
  for (;;) {
    const { rows, upTo } = await readLog<Moved>(tx, eventLog, asked, { ...range, after, limit: pageSize });
    await saveAll(rows);
    if (rows.length < pageSize) return upTo;
    after = upTo;
  }
}

const isLast = `version =
  (select version from streams where streams.stream_id = events.stream_id and streams.type = $4)`;

const lastText = "select max(position)::float8 as position from events";

async function switchTo(tx: Transaction, fresh: string, live: string): Promise<Rebuilt> {
  const removed = await tx.execute(
    `delete from ${live} as live where not exists (select from ${fresh} as fresh where fresh = live)`,
  );
  const added = await tx.execute(
    `insert into ${live} select * from ${fresh} as fresh where not exists (select from ${live} as live where live = fresh)`,
  );
  return { removed: removed.rowCount ?? 0, added: added.rowCount ?? 0 };
}
