import type { Client } from "pg";

/** Rows in order of their id, of which only some are in memory. */
export type Stream = {
  /** Of the next row; undefined behind the last. */
  readonly id: string | undefined;
  /** Hands the row over and goes on; a promise only where the next rows are to be fetched first. */
  takeOne(): Promise<void> | undefined;
};

const rowsPerFetch = 5_000;
let cursors = 0;

/** Reads a query through a cursor of the client's open transaction. Its rows come in order of `id`. */
export async function openStream<Row extends { readonly id: string }>(
  client: Client,
  { text, values, take }: { readonly text: string; readonly values: readonly unknown[]; take(row: Row): void },
): Promise<Stream> {
  cursors += 1;
  const name = `audit_${cursors}`;
  await client.query(`declare ${name} no scroll cursor for ${text}`, [...values]);
  let rows: Row[] = [];
  let index = 0;
  let isLast = false;
  let running: Promise<Row[]> = fetch();
  await turn();

  function fetch(): Promise<Row[]> {
    const answer = client.query(`fetch ${rowsPerFetch} from ${name}`);
    return answer.then((result) => result.rows as Row[]);
  }

  /** The next rows are asked for while these are looked at. */
  async function turn(): Promise<void> {
    rows = await running;
    index = 0;
    isLast = rows.length < rowsPerFetch;
    if (isLast) return;
    running = fetch();
    running.catch(() => undefined);
  }

  return {
    get id() {
      return rows[index]?.id;
    },
    takeOne() {
      const row = rows[index];
      if (row !== undefined) take(row);
      index += 1;
      return index < rows.length || isLast ? undefined : turn();
    },
  };
}

/** Goes through all streams id by id: each row is taken, then `onId` says that there is no more of this id. */
export async function merge(streams: readonly Stream[], onId: (id: string) => void): Promise<void> {
  for (;;) {
    let lowest: string | undefined;
    for (const { id } of streams) if (id !== undefined && (lowest === undefined || id < lowest)) lowest = id;
    if (lowest === undefined) return;
    for (const stream of streams) {
      while (stream.id === lowest) {
        const fetched = stream.takeOne();
        if (fetched !== undefined) await fetched;
      }
    }
    onId(lowest);
  }
}
