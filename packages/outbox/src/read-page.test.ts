import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { connect } from "@throughline/local/testing";
import { type Database, query, readLimit, thisServer } from "@throughline/log";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { outboxLog } from "./outbox-log.ts";
import { numbersTo, openOutbox, tell, told } from "./outbox-under-test.ts";
import { type Page, type ReadingLane, readPage } from "./read-page.ts";

const message = fc.record({
  key: fc.constantFrom("a", "b", "c", "d"),
  type: fc.constantFrom("order.created", "order.cancelled"),
  length: fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 4_000 })),
});
const destination = { name: "test" };
const reader = fc.record({
  share: fc.constantFrom({ lanes: 1, number: 0 }, { lanes: 2, number: 0 }, { lanes: 2, number: 1 }),
  types: fc.constantFrom(null, ["order.created"]),
  batchSize: fc.integer({ min: 1, max: 12 }),
  pageBytes: fc.integer({ min: 1, max: 20_000 }),
});

test("whatever messages weigh, each is in one page, in order, and no page is too long or too heavy", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  const property = fc.asyncProperty(
    fc.array(message, { minLength: 1, maxLength: 40 }),
    reader,
    async (messages, by) => {
      const begin = await readLimit(database, outboxLog);
      await noteTypes(database, by.types);
      await tell(database, ...messages.map(({ key, type, length }) => told(key, "x".repeat(length), type)));
      const tail = { limit: await readLimit(database, outboxLog) };
      const pages = await readAll({ ...by, ...by.share, database, destination, tail }, begin);
      const { lanes, number } = by.share;
      const expected = await query<{ wire: string }>(database, "expected", expectedText, [
        begin,
        lanes,
        number,
        by.types,
      ]);
      expect(pages.flatMap(wiresOf)).toEqual(expected.map(({ wire }) => wire));
      for (const page of pages) {
        expect(page.rows.length).toBeLessThanOrEqual(by.batchSize);
        if (page.rows.length > 1) expect(wiresOf(page).join("").length).toBeLessThanOrEqual(by.pageBytes);
      }
    },
  );
  await fc.assert(property, { numRuns: 60 });
}, 120_000);

test("messages of a rare type are found behind more of other types than one statement has the time to look through", async () => {
  await using outbox = await openOutbox();
  const { database, url } = outbox;
  await database.execute(`insert into outbox (key, type, id, version, "timestamp", source, sequence, correlation_id, wire)
    select 'k', 'order.created', n, '1', '', '', n, '', '' from generate_series(1, 300000) n`);
  await tell(database, told("a", {}, "order.rare"));
  await using hasty = connect(`${url}?statement_timeout=25`);
  await noteTypes(database, ["order.rare"]);
  const limit = await readLimit(database, outboxLog);
  const server = await readServer(database);
  const lane = { database: hasty.database, tail: { limit }, destination };
  const pages: Page[] = [];
  for (let after = 0; after < limit; after = pages.at(-1)?.upTo ?? 0) {
    const reading = readPage({ ...lane, lanes: 1, number: 0, batchSize: 10, pageBytes: 1_000 }, after, server);
    const page = await reading.catch(unlessCancelled);
    if (page !== undefined) pages.push(page);
  }
  expect(pages.flatMap(wiresOf)).toHaveLength(1);
  expect(pages.at(-1)?.isFull).toBe(false);
  expect(pages.slice(0, -1).every(({ isFull }) => isFull)).toBe(true);
});

test("nothing is read of another server than that of the cursor", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await tell(database, told("a"));
  const lane = { database, tail: { limit: 1 }, destination, lanes: 1, number: 0, batchSize: 10, pageBytes: 1_000 };
  const server = await readServer(database);
  expect((await readPage(lane, 0, server)).rows).toHaveLength(1);
  expect((await readPage(lane, 0, server - 1)).rows).toEqual([]);
});

test("a backlog that is larger than the memory of its relay leaves", async () => {
  await using outbox = await openOutbox();
  const body = "x".repeat(60 * 1_024);
  for (const _ of numbersTo(20)) await tell(outbox.database, ...numbersTo(50).map(() => told("a", body)));
  const file = fileURLToPath(new URL("./forgetful-relay-process.ts", import.meta.url));
  const child = spawn(process.execPath, ["--max-old-space-size=64", file, outbox.url], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const sequences: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    sequences.push(Number(line));
    if (sequences.length === 1_000) child.kill("SIGKILL");
  }
  expect(sequences).toEqual(numbersTo(1_000));
}, 60_000);

const expectedText = `select wire from outbox
  where position > $1 and slot % $2 = $3 and ($4::text[] is null or type = any($4)) order by position`;

async function noteTypes(database: Database, types: readonly string[] | null): Promise<void> {
  const text = `insert into outbox_destinations values ($1, $2)
    on conflict (destination) do update set types = excluded.types`;
  await query(database, "note_types", text, [destination.name, types]);
}

async function readServer(database: Database): Promise<number> {
  const [row] = await query<{ server: number }>(database, "server", `select ${thisServer} as server`);
  return row?.server ?? 0;
}

/** Page after page as the relay does, which reads on while a page is full. */
async function readAll(lane: ReadingLane, begin: number): Promise<Page[]> {
  const pages: Page[] = [];
  const server = await readServer(lane.database);
  for (let after = begin; ; ) {
    const page = await readPage(lane, after, server);
    pages.push(page);
    if (!page.isFull) return pages;
    after = page.upTo;
  }
}

/** As the relay does, which tries again. */
function unlessCancelled(error: { readonly cause?: { readonly code?: string } }): undefined {
  if (error.cause?.code !== "57014") throw error;
}

function wiresOf({ rows }: Page): string[] {
  return rows.map(({ wire }) => wire);
}
