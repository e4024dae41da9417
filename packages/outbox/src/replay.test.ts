import { connect } from "@throughline/local/testing";
import { query } from "@throughline/log";
import { expect, test, vi } from "vitest";
import { startRelay } from "./index.ts";
import { forgetDestination, previewReplay, readActions, readStates, replay } from "./operation.ts";
import { createBroker, numbersTo, openOutbox, sequencesOf, tell, told } from "./outbox-under-test.ts";
import { maintainPartitions } from "./partitions.ts";

const soon = { timeout: 25_000, interval: 5 };
const quickly = { leaseMs: 300, retryMs: 10, onError: () => {} };

test("what is sent again has the same ids and bytes, in the same order, although nothing new is written", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  await using relay = await startRelay(outbox.database, { to: [broker], lanes: 2, ...quickly });
  for (const _ of numbersTo(10)) await tell(outbox.database, told("a"), told("b"), told("c"));
  // What is published and not noted yet is on its way, and not sent again.
  await vi.waitUntil(async () => (await relay.status())[0]?.lag === 0, soon);
  const first = sequencesOf(broker.received);
  const wires = new Set(broker.wires);

  const again = await replay(outbox.database, "test", 1, "a test");
  await vi.waitUntil(async () => (await again.progress()).done === again.total, soon);
  expect(broker.received).toHaveLength(60);
  expect(sequencesOf(broker.received.slice(30))).toEqual(first);
  expect(new Set(broker.wires)).toEqual(wires);
});

test("a replay from the middle sends the later messages alone, and lanes that lag behind it skip nothing", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  await tell(outbox.database, ...numbersTo(6).map(() => told("a")));
  {
    await using _ = await startRelay(outbox.database, { to: [broker], ...quickly });
    await vi.waitUntil(() => broker.received.length === 6, soon);
  }
  await tell(outbox.database, ...numbersTo(2).map(() => told("a")));
  expect(await replay(outbox.database, "test", 8, "a test")).toMatchObject({ total: 0 });
  expect(await replay(outbox.database, "test", 5, "a test")).toMatchObject({ total: 2 });
  await using _ = await startRelay(outbox.database, { to: [broker], ...quickly });
  await vi.waitUntil(() => broker.received.length === 10, soon);
  expect(sequencesOf(broker.received)).toEqual({ a: [...numbersTo(6), 5, 6, 7, 8] });
});

test("a preview counts what the destination has had, by type, from an id, a moment or a position on", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  const work = createBroker("work");
  await using relay = await startRelay(database, { to: [{ ...work, types: ["a.done", "b.done"] }], ...quickly });
  for (const type of ["a.done", "b.done", "c.done", "a.done"]) await tell(database, told("a", {}, type));
  await vi.waitUntil(async () => (await relay.status())[0]?.lag === 0, soon);
  // A day between each two.
  await database.execute(
    "update outbox set created_at = timestamptz '2026-01-01 12:00Z' + position * interval '1 day'",
  );
  const from = (day: number) => new Date(`2026-01-0${day + 1}T12:00:00Z`);
  const all = {
    messages: 3,
    types: [
      { type: "a.done", messages: 2 },
      { type: "b.done", messages: 1 },
    ],
  };
  const period = { from: from(1), to: from(4) };
  expect(await previewReplay(database, "work", { position: 1 })).toEqual({ from: 1, ...all, period });
  expect(await previewReplay(database, "work", from(0))).toEqual({ from: 1, ...all, period });
  const last = { messages: 1, types: [{ type: "a.done", messages: 1 }], period: { from: from(4), to: from(4) } };
  expect(await previewReplay(database, "work", from(3))).toEqual({ from: 3, ...last });
  const { id = "" } = work.received[2] ?? {};
  expect(await previewReplay(database, "work", { id })).toEqual({ from: 4, ...last });
  const never = previewReplay(database, "work", { id: "0197a000-0000-7000-8000-000000000000" });
  await expect(never).rejects.toThrow("No message 0197a000-0000-7000-8000-000000000000 is kept");
  expect(await previewReplay(database, "work", new Date())).toMatchObject({ messages: 0, types: [] });
});

test("a preview takes longer than a statement may, where there is much to count", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  const broker = createBroker();
  await (await startRelay(database, { to: [broker], ...quickly }))[Symbol.asyncDispose]();
  await database.execute(`insert into outbox (key, type, id, version, "timestamp", source, sequence, correlation_id, wire)
    select 'k', 'order.created', n, '1', '', '', n, '', '' from generate_series(1, 300000) n`);
  await database.execute("update log_cursors set position = 300000");
  await using hasty = connect(`${outbox.url}?statement_timeout=25`);
  expect(await previewReplay(hasty.database, "test", { position: 1 })).toMatchObject({ messages: 300_000 });
});

test("a preview says from when on messages are kept, where older ones are asked for", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await query(database, "start", "select setval('outbox_position_seq', 999_999)");
  await maintainPartitions(database, { partitionRows: 10, replayWindowMs: 0 });
  await tell(database, told("a"), told("a"), told("a"));
  const broker = createBroker();
  const relay = await startRelay(database, { to: [broker], ...quickly });
  await vi.waitUntil(async () => (await relay.status())[0]?.waiting === 0, soon);
  await relay[Symbol.asyncDispose]();
  await maintainPartitions(database, { partitionRows: 10, replayWindowMs: 0 });

  const preview = await previewReplay(database, "test", { position: 1 });
  expect(preview).toMatchObject({ messages: 2, keptSince: expect.any(Date) });
  expect(await previewReplay(database, "test", new Date(0))).toMatchObject({ keptSince: preview.keptSince });
  expect(await previewReplay(database, "test", { position: 1_000_001 })).not.toHaveProperty("keptSince");
});

test("a message that died and is sent again may die again, and is dead once", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  broker.answer = ({ sequence }) => (sequence === 1 ? "refused" : undefined);
  await tell(outbox.database, told("a"), told("a"));
  await using relay = await startRelay(outbox.database, { to: [broker], tries: 2, ...quickly });
  const isOver = async () => {
    const [state] = await relay.status();
    return state?.dead === 1 && state.parked === 0 && state.waiting === 0;
  };
  await vi.waitUntil(isOver, soon);
  const diedAt = await readDeath(outbox);
  await replay(outbox.database, "test", 1, "a test");
  await vi.waitUntil(async () => (await readDeath(outbox)) !== diedAt && (await isOver()), soon);
  expect(sequencesOf(broker.received)).toEqual({ a: [2, 2] });
});

test("a key that is parked stays in order when it is sent again", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  let isRefusing = true;
  broker.answer = ({ sequence }) => (isRefusing && sequence === 3 ? "refused" : undefined);
  await tell(outbox.database, ...numbersTo(5).map(() => told("a")));
  await using relay = await startRelay(outbox.database, { to: [broker], ...quickly });
  await vi.waitUntil(async () => (await relay.status())[0]?.parked === 3, soon);
  await replay(outbox.database, "test", 1, "a test");
  await vi.waitUntil(() => sequencesOf(broker.received).a?.length === 4, soon);
  isRefusing = false;
  await vi.waitUntil(() => broker.received.at(-1)?.sequence === 5, soon);
  expect(sequencesOf(broker.received)).toEqual({ a: [1, 2, 1, 2, 3, 4, 5] });
  await vi.waitUntil(async () => (await readStates(outbox.database))[0]?.parkedKeys === 0, soon);
});

async function readDeath({ database }: Awaited<ReturnType<typeof openOutbox>>): Promise<unknown> {
  const [dead] = await query<{ at: string }>(database, "death", "select died_at::text as at from outbox_dead");
  return dead?.at;
}

test("who sent a destination again what it has had is on record", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await replay(database, "test", 5, "ada");
  await forgetDestination(database, "test", "grace");
  const [last, first, ...others] = await readActions(database);
  expect(others).toEqual([]);
  expect(first).toMatchObject({ action: "replayed", destination: "test", detail: "from position 5", by: "ada" });
  expect(last).toMatchObject({ action: "forgotten", destination: "test", by: "grace" });
});
