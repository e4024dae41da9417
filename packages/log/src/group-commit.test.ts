import { connect } from "@throughline/local/testing";
import type pg from "pg";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { query, shareTransactions, type Transaction, UnknownOutcomeError } from "./index.ts";
import { openNotes, write } from "./notes.ts";

let notes: Awaited<ReturnType<typeof openNotes>>;
beforeAll(async () => {
  notes = await openNotes();
  await notes.database.execute("create table seats (number integer unique deferrable initially deferred)");
});
afterAll(() => notes[Symbol.asyncDispose]());

let writers = 0;

const count = async (writer: number) =>
  (await query<{ number: number }>(notes.database, "numbers", "select number from notes where writer = $1", [writer]))
    .length;

test("what may have committed is not done over: everybody is told that nobody knows", async () => {
  await using far = connect(notes.url);
  const writer = writers++;
  const committing = loseAnswerToCommit(far.pool);
  const share = shareTransactions(far.database);
  let runs = 0;
  const outcomes = Promise.allSettled(["one", "other"].map(() => share((tx) => write(tx, { writer, number: ++runs }))));
  const breakOff = await committing;
  await vi.waitUntil(async () => (await count(writer)) === 2, { timeout: 10_000 });
  breakOff();
  const unknown = { status: "rejected", reason: expect.any(UnknownOutcomeError) };
  expect(await outcomes).toEqual([unknown, unknown]);
  expect({ runs, written: await count(writer) }).toEqual({ runs: 2, written: 2 });
});

test("what fails before its COMMIT is done over, also where a connection broke", async () => {
  const writer = writers++;
  const share = shareTransactions(notes.database);
  let kills = 0;
  const works = [1, 2].map((number) =>
    share(async (tx) => {
      await write(tx, { writer, number });
      if (number === 2 && kills++ === 0) await query(tx, "kill", "select pg_terminate_backend(pg_backend_pid())");
    }),
  );
  await Promise.all(works);
  expect(await count(writer)).toBe(2);
});

test("what Postgres refuses at the COMMIT is done over, and only the culprit fails", async () => {
  const share = shareTransactions(notes.database);
  const take = (number: number) => (tx: Transaction) =>
    query(tx, "take_seat", "insert into seats (number) values ($1)", [number]);
  const outcomes = await Promise.allSettled([1, 2, 1].map((number) => share(take(number))));
  expect(outcomes).toMatchObject([
    { status: "fulfilled" },
    { status: "fulfilled" },
    { status: "rejected", reason: { cause: { code: "23505" } } },
  ]);
});

/** Lets the first COMMIT of a pool through and nothing come back; resolves then, with what breaks its connection. */
function loseAnswerToCommit(pool: pg.Pool): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<() => void>();
  pool.once("connect", (client: pg.PoolClient & { readonly connection?: pg.Connection }) => {
    const ask = client.query.bind(client) as (statement: { readonly text: string }, ...rest: unknown[]) => unknown;
    const asked: typeof ask = (statement, ...rest) => {
      const stream = client.connection?.stream;
      if (statement.text === "commit" && stream !== undefined) {
        stream.pause();
        resolve(() => stream.destroy());
      }
      return ask(statement, ...rest);
    };
    Object.assign(client, { query: asked });
  });
  return promise;
}
