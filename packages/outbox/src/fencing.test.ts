import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { connect } from "@throughline/local/testing";
import { type Database, query } from "@throughline/log";
import { expect, onTestFinished, test, vi } from "vitest";
import { startRelay } from "./index.ts";
import { createBroker, numbersTo, openOutbox, tell, told } from "./outbox-under-test.ts";

const soon = { timeout: 20_000, interval: 5 };

/** Of `relay-process.ts`. */
const batchSize = 5;

type Published = { readonly id: string; readonly sequence: number };

test("what a killed relay published and did not note is published again, with the same ids", async () => {
  await using outbox = await openOutbox();
  for (const _ of numbersTo(12)) await tell(outbox.database, told("a"));
  await using killed = startProcess(outbox.url, { fate: "kill" });
  await once(killed.child, "exit");
  expect(killed.child.signalCode).toBe("SIGKILL");
  expect(killed.published.map(({ sequence }) => sequence)).toEqual(numbersTo(batchSize));

  const broker = createBroker();
  await using _ = await startRelay(outbox.database, { to: [broker], leaseMs: 500 });
  await vi.waitUntil(() => broker.received.length === 12, soon);
  expect(broker.received.slice(0, 5).map(({ id }) => id)).toEqual(killed.published.map(({ id }) => id));
  expect(firstTimes([...killed.published, ...broker.received])).toEqual(numbersTo(12));
});

test.each([
  ...["log_limit", "log_claim_cursor", "outbox_parked_keys", "outbox_read", "log_move_cursor", "log_renew_cursor"],
  ...["outbox_park", "log_move_cursor after outbox_park", "commit after outbox_park", "outbox_next_due"],
  ...["outbox_due_keys", "outbox_due_rows", "outbox_unpark", "outbox_bury", "outbox_delay_keys", "outbox_release_keys"],
  ...["log_move_cursor after outbox_unpark", "commit after outbox_unpark"],
])("what is left when a relay dies before its first %s goes on in order, and nothing is lost", async (statement) => {
  await using outbox = await openOutbox();
  await tell(outbox.database, ...numbersTo(12).map(() => told("a")));
  await using killed = startProcess(outbox.url, { fate: statement });
  await leavesAll(outbox.database, killed);
});

test.each([
  ["log_release_cursor", 1],
  ["outbox_count_relays", 2],
  ["outbox_leave", 2],
])("so it is when it dies before its first %s, as it stops or where it has %i lanes", async (statement, lanes) => {
  await using outbox = await openOutbox();
  await tell(outbox.database, ...numbersTo(12).map(() => told("a")));
  await using killed = startProcess(outbox.url, { fate: statement, lanes });
  if (statement !== "outbox_count_relays") {
    await vi.waitUntil(() => killed.published.length > 0, soon);
    killed.child.kill("SIGTERM");
  }
  await leavesAll(outbox.database, killed, lanes);
});

/** After the death of the process, what it had not published leaves by another relay. */
async function leavesAll(database: Database, killed: ReturnType<typeof startProcess>, lanes = 1): Promise<void> {
  if (killed.child.signalCode === null) await once(killed.child, "close");
  expect(killed.child.signalCode).toBe("SIGKILL");
  const broker = createBroker();
  const published = () => firstTimes([...killed.published, ...broker.received]);
  await using _ = await startRelay(database, { to: [broker], lanes, leaseMs: 500, onError: () => {} });
  await vi.waitUntil(() => published().length === 12, soon);
  expect(published()).toEqual(numbersTo(12));
}

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

test("lanes pass to whoever is left when relays come and go, and every key stays in order", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  const keys = ["a", "b", "c", "d", "e", "f"];
  const tellAll = () => tell(outbox.database, ...keys.map((key) => told(key)));
  const open = () => startRelay(outbox.database, { to: [broker], lanes: 4, leaseMs: 2_000, onError: () => {} });
  let current = await open();
  for (const _ of numbersTo(3)) {
    const next = await open();
    await tellAll();
    await current[Symbol.asyncDispose]();
    await tellAll();
    const hasAll = async () => {
      const [state] = await next.status();
      return state?.heldLanes === 4 && state.lag === 0;
    };
    await vi.waitUntil(hasAll, soon);
    current = next;
  }
  await current[Symbol.asyncDispose]();
  for (const key of keys) {
    expect(firstTimes(broker.received.filter((envelope) => envelope.key === key))).toEqual(numbersTo(6));
  }
});

test("a relay that joins gets its share of the lanes, and every key stays in order", async () => {
  await using outbox = await openOutbox();
  const brokers = numbersTo(2).map(() => createBroker());
  const keys = numbersTo(12).map((number) => `key-${number}`);
  const options = { lanes: 4, leaseMs: 1_000, onError: () => {} };
  await using relays = new AsyncDisposableStack();
  for (const broker of brokers) {
    relays.use(await startRelay(outbox.database, { ...options, to: [broker] }));
    await tell(outbox.database, ...keys.map((key) => told(key)));
    await vi.waitUntil(async () => (await lanesByOwner(outbox.database)).length > 0, soon);
  }
  await vi.waitUntil(async () => String(await lanesByOwner(outbox.database)) === "2,2", soon);
  for (const _ of numbersTo(5)) await tell(outbox.database, ...keys.map((key) => told(key)));
  const received = () => brokers.flatMap((broker) => broker.received);
  await vi.waitUntil(() => new Set(received().map(({ id }) => id)).size === 7 * keys.length, soon);
  for (const broker of brokers) expect(broker.received).not.toEqual([]);
  for (const key of keys) {
    const parts = brokers.map((broker) => firstTimes(broker.received.filter((envelope) => envelope.key === key)));
    for (const part of parts) expect(part).toEqual(part.toSorted((one, other) => one - other));
    expect(new Set(parts.flat()).size).toBe(7);
  }
});

function lanesByOwner(database: Database): Promise<number[]> {
  const text = `select count(*)::int as lanes from log_cursors where leased_until > clock_timestamp() group by owner`;
  return query<{ lanes: number }>(database, "lanes_by_owner", text).then((rows) => rows.map(({ lanes }) => lanes));
}

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

/** The sequences in the order in which each was published first. */
function firstTimes(published: readonly Published[]): number[] {
  return [...new Set(published.map(({ sequence }) => sequence))];
}

type Process = { readonly fate?: string; readonly lanes?: number; readonly published?: Published[] };

function startProcess(
  url: string,
  { fate, lanes = 1, published = [] }: Process,
): { readonly child: ChildProcess; readonly published: Published[]; readonly errors: string[] } & AsyncDisposable {
  const file = fileURLToPath(new URL("./relay-process.ts", import.meta.url));
  const child = spawn(process.execPath, [file, url, ...(fate ? [fate, `${lanes}`] : [])], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  // Also where a test is given up: a stopped process would otherwise stay for ever.
  onTestFinished(() => void child.kill("SIGKILL"));
  const errors: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const told = JSON.parse(line) as Published | { readonly error: string };
    if ("error" in told) errors.push(told.error);
    else published.push(told);
  });
  return {
    ...{ child, published, errors },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}
