import { connect } from "@throughline/local/testing";
import { type Database, query } from "@throughline/log";
import { expect, test, vi } from "vitest";
import { startRelay } from "./index.ts";
import { createBroker, numbersTo, openOutbox, tell, told } from "./outbox-under-test.ts";
import { batchSize, firstTimes, type Published, startProcess } from "./process-under-test.ts";

const soon = { timeout: 20_000, interval: 5 };

test("a relay that was stopped past its lease moves no cursor, sends no more than it had in hand, and stands down", async () => {
  await using outbox = await openOutbox();
  await noteMoves(outbox.database);
  for (const _ of numbersTo(40)) await tell(outbox.database, ...numbersTo(25).map(() => told("a")));
  const published: Published[] = [];
  await using stopped = startProcess(outbox.url, { published });
  await vi.waitUntil(() => published.length > 0, soon);
  stopped.child.kill("SIGSTOP");

  const broker = createBroker();
  const hasStoodDown = Promise.withResolvers<void>();
  let bySuccessor = 0;
  broker.before = async (envelopes) => {
    published.push(...envelopes);
    bySuccessor += envelopes.length;
    if (broker.received.length > 0) await hasStoodDown.promise;
  };
  await using _ = await startRelay(outbox.database, { to: [broker], batchSize: 100, leaseMs: 5_000 });
  // It has moved the cursor once and is in the middle of its second batch.
  await vi.waitUntil(() => bySuccessor === 200, soon);
  const byStopped = published.length - bySuccessor;
  stopped.child.kill("SIGCONT");

  await vi.waitUntil(() => stopped.errors.some((error) => error.includes("went to another relay")), soon);
  hasStoodDown.resolve();
  await vi.waitUntil(() => broker.received.at(-1)?.sequence === 1_000, soon);
  expect(firstTimes(published)).toEqual(numbersTo(1_000));
  expect(published.length - bySuccessor - byStopped).toBeLessThanOrEqual(batchSize);
  const moves = await readMoves(outbox.database);
  expect(new Set(moves.map(({ epoch }) => epoch)).size).toBe(2);
  expect(moves.toSorted((one, other) => one.epoch - other.epoch || one.position - other.position)).toEqual(moves);
});

test("of several relays one has the lane", async () => {
  await using outbox = await openOutbox();
  const brokers = numbersTo(3).map(() => createBroker());
  await using relays = new AsyncDisposableStack();
  for (const broker of brokers) relays.use(await startRelay(outbox.database, { to: [broker] }));
  for (const _ of numbersTo(20)) await tell(outbox.database, told("a"));
  const counts = () => brokers.map(({ received }) => received.length).sort();
  await vi.waitUntil(() => counts().at(-1) === 20, soon);
  expect(counts()).toEqual([0, 0, 20]);
});

test("a relay survives the loss of its connections", async () => {
  await using outbox = await openOutbox();
  await using own = connect(outbox.url);
  own.pool.on("error", () => {});
  const broker = createBroker();
  const errors: Error[] = [];
  await using _ = await startRelay(own.database, { to: [broker], onError: (error) => void errors.push(error) });
  await tell(outbox.database, told("a"));
  await vi.waitUntil(() => broker.received.length === 1, soon);
  const cut = `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and query like '%log_limit%' and pid <> pg_backend_pid()`;
  for (const _ of numbersTo(20)) {
    await outbox.database.execute(cut);
    await tell(outbox.database, told("a"));
  }
  await vi.waitUntil(() => broker.received.at(-1)?.sequence === 21, soon);
  expect(firstTimes(broker.received)).toEqual(numbersTo(21));
});

/** From now on, what becomes of the cursors is on record. */
async function noteMoves(database: Database): Promise<void> {
  await database.execute(`
    create table moves (nth bigint generated always as identity, epoch bigint not null, position bigint not null);
    create function note_move() returns trigger language plpgsql as $$ begin
      insert into moves (epoch, position) values (new.epoch, new.position);
      return null;
    end $$;
    create trigger note_move after update on log_cursors for each row execute function note_move()`);
}

function readMoves(database: Database): Promise<{ readonly epoch: number; readonly position: number }[]> {
  const text = "select epoch::float8 as epoch, position::float8 as position from moves order by nth";
  return query(database, "moves", text);
}
