import { expect, test } from "vitest";
import { type Database, readLimit, readLog, type Transaction } from "./index.ts";
import { type Note, notes, openNotes, write, writeAll } from "./notes.ts";

const writers = Array.from({ length: 12 }, (_, writer) => writer);
const transactionsEach = 60;

type Streams = ReadonlyMap<number, number[]>;

test("twelve writers and one reader: nothing is lost, doubled or reordered", async () => {
  await using log = await openNotes();
  const { written, read } = await writeAndRead(log.database);
  expect(read).toEqual(written);
});

test("without the trigger the same writers lose rows", async () => {
  await using log = await openNotes();
  await log.database.execute("drop trigger notes_pin on notes");
  let lost = 0;
  for (let round = 0; round < 30 && lost === 0; round++) {
    const { written, read } = await writeAndRead(log.database);
    lost = count(written) - count(read);
  }
  expect(lost).toBeGreaterThan(0);
}, 120_000);

/** Lets all writers loose on an emptied log, with a reader at their heels: what committed, and what the reader saw. */
async function writeAndRead(database: Database): Promise<{ written: Streams; read: Streams }> {
  await database.execute("truncate notes; create table if not exists elsewhere (writer integer)");
  const written = emptyStreams();
  const read = emptyStreams();
  let after = await readLimit(database, notes);
  let writing = true;
  const readOn = async (): Promise<void> => {
    const page = await readLog<Note>(database, notes, { name: "read_notes", columns: "writer, number" }, { after });
    for (const { writer, number } of page.rows) read.get(writer)?.push(number);
    after = page.upTo;
  };
  const reader = (async () => {
    while (writing) await readOn();
  })();
  await Promise.all(writers.map((writer) => writeStream(database, writer, written)));
  writing = false;
  await reader;
  const settled = await readLimit(database, notes);
  while (after < settled) await readOn();
  return { written, read };
}

async function writeStream(database: Database, writer: number, written: Streams): Promise<void> {
  let number = 0;
  for (let i = 0; i < transactionsEach; i++) {
    const kept: number[] = [];
    const writeSome = async (tx: Transaction): Promise<number[]> => {
      const numbers = Array.from({ length: below(3) + 1 }, () => ++number);
      if (Math.random() < 0.3) {
        await writeAll(tx, writer, numbers);
        return numbers;
      }
      for (const each of numbers) {
        await write(tx, { writer, number: each });
        if (Math.random() < 0.3) await tx.execute(`select pg_sleep(${below(5) / 1000})`);
      }
      return numbers;
    };
    const work = database.transaction(async (tx) => {
      // Its transaction id is then older than those of others that draw lower positions.
      if (Math.random() < 0.3) await tx.execute(`insert into elsewhere values (${writer}); select pg_sleep(0.002)`);
      if (Math.random() < 0.3) await abandon(tx.transaction(async (savepoint) => giveUp(await writeSome(savepoint))));
      kept.push(...(await writeSome(tx)));
      if (Math.random() < 0.3) kept.push(...(await tx.transaction(writeSome)));
      if (Math.random() < 0.1) giveUp(kept);
    });
    if (await abandon(work)) written.get(writer)?.push(...kept);
  }
}

class GivenUp extends Error {
  override readonly name = "GivenUp";
}

function giveUp(numbers: readonly number[]): never {
  throw new GivenUp(`Rolls back ${numbers.length} rows`);
}

/** True where the work committed, false where it gave itself up. */
async function abandon(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof GivenUp) return false;
    throw error;
  }
}

function emptyStreams(): Streams {
  return new Map(writers.map((writer) => [writer, []]));
}

function count(streams: Streams): number {
  return [...streams.values()].reduce((sum, numbers) => sum + numbers.length, 0);
}

function below(limit: number): number {
  return Math.floor(Math.random() * limit);
}
