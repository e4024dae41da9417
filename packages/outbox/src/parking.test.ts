import { type Database, query } from "@throughline/log";
import { expect, test, vi } from "vitest";
import { startRelay } from "./index.ts";
import { createBroker, numbersTo, openOutbox, sequencesOf, tell, told } from "./outbox-under-test.ts";

const soon = { timeout: 25_000, interval: 5 };
const quickly = { retryMs: 10, onError: () => {} };

test("a refused message stops its key and no other", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  broker.answer = ({ key, sequence }) => (key === "a" && sequence === 2 ? "refused" : undefined);
  for (const _ of numbersTo(20)) await tell(outbox.database, told("a"), told("b"));
  await using relay = await startRelay(outbox.database, { to: [broker], batchSize: 7, onError: () => {} });
  await vi.waitUntil(() => sequencesOf(broker.received).b?.length === 20, soon);
  expect(sequencesOf(broker.received)).toEqual({ a: [1], b: numbersTo(20) });
  await vi.waitUntil(async () => (await relay.status())[0]?.parked === 19, soon);
  expect(await relay.status()).toMatchObject([{ waiting: 0, dead: 0, publishedTotal: 21 }]);
});

test("a parked key goes on in order once its message is taken, and flows again", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  let isRefusing = true;
  broker.answer = ({ key, sequence }) => (isRefusing && key === "a" && sequence === 2 ? "refused" : undefined);
  await tell(outbox.database, ...numbersTo(50).map(() => told("a")));
  await using relay = await startRelay(outbox.database, { to: [broker], batchSize: 5, ...quickly });
  await vi.waitUntil(async () => (await relay.status())[0]?.parked === 49, soon);
  isRefusing = false;
  await vi.waitUntil(() => broker.received.length === 50, soon);
  await tell(outbox.database, told("a"));
  await vi.waitUntil(() => broker.received.length === 51, soon);
  expect(sequencesOf(broker.received)).toEqual({ a: numbersTo(51) });
  await vi.waitUntil(async () => (await readKeys(outbox.database)).length === 0, soon);
  expect(await relay.status()).toMatchObject([{ parked: 0, dead: 0 }]);
});

test("a parked key is retried while its lane is busy", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  let refusals = 3;
  broker.answer = ({ key }) => (key === "a" && refusals-- > 0 ? "refused" : undefined);
  await tell(outbox.database, told("a"), ...numbersTo(400).map(() => told("b")));
  await using _ = await startRelay(outbox.database, { to: [broker], batchSize: 1, ...quickly });
  await vi.waitUntil(() => broker.received.some(({ key }) => key === "a"), soon);
  expect(broker.received.length).toBeLessThan(401);
});

test("heavy messages of a parked key are tried few at a time", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  let isRefusing = true;
  broker.answer = () => (isRefusing ? "refused" : undefined);
  const heavy = "x".repeat(30 * 1_024);
  await tell(outbox.database, ...numbersTo(5).map(() => told("a", heavy)));
  await using relay = await startRelay(outbox.database, { to: [broker], ...quickly });
  await vi.waitUntil(async () => (await relay.status())[0]?.parked === 5, soon);
  const counts: number[] = [];
  broker.before = async (envelopes) => void counts.push(envelopes.length);
  isRefusing = false;
  await vi.waitUntil(() => broker.received.length === 5, soon);
  expect(Math.max(...counts)).toBe(2);
  expect(sequencesOf(broker.received)).toEqual({ a: numbersTo(5) });
});

test("a message that was refused too often is dead, and its key goes on", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  broker.answer = ({ sequence }) => (sequence === 1 ? "refused" : undefined);
  await tell(outbox.database, told("a", "poison"), told("a"), told("a"));
  await using relay = await startRelay(outbox.database, { to: [broker], tries: 3, ...quickly });
  await vi.waitUntil(() => broker.received.length === 2, soon);
  expect(sequencesOf(broker.received)).toEqual({ a: [2, 3] });
  await vi.waitUntil(async () => (await relay.status())[0]?.parked === 0, soon);
  const dead = await query(outbox.database, "dead", "select destination, key, attempts, error, wire from outbox_dead");
  expect(dead).toEqual([
    {
      destination: "test",
      key: "a",
      attempts: 3,
      error: "refused by the broker",
      wire: expect.stringContaining("poison"),
    },
  ]);
});

test("a held key waits for a person after a dead message, also with what comes later", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  broker.answer = ({ key, sequence }) => (key === "a" && sequence === 1 ? "refused" : undefined);
  await using relay = await startRelay(outbox.database, { to: [broker], tries: 2, afterDead: "hold", ...quickly });
  await tell(outbox.database, told("a"));
  await vi.waitUntil(async () => (await relay.status())[0]?.dead === 1, soon);
  await tell(outbox.database, told("a"), told("b"));
  await vi.waitUntil(() => broker.received.length === 1, soon);
  expect(sequencesOf(broker.received)).toEqual({ b: [1] });
  // What the broker has is published before the rest of its batch is parked.
  await vi.waitUntil(async () => (await relay.status())[0]?.parked === 1, soon);
  expect(await relay.status()).toMatchObject([{ parked: 1, dead: 1 }]);
  await outbox.database.execute("update outbox_parked_keys set retry_at = now() where key = 'a'");
  await vi.waitUntil(() => broker.received.length === 2, soon);
  expect(sequencesOf(broker.received)).toEqual({ a: [2], b: [1] });
});

test("while a broker is unavailable, parked messages do not use up their tries", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  let calls = 0;
  broker.answer = () => (calls++ === 0 ? "refused" : calls < 10 ? "unknown" : undefined);
  await tell(outbox.database, told("a"));
  await using relay = await startRelay(outbox.database, { to: [broker], tries: 2, ...quickly });
  await vi.waitUntil(() => broker.received.length === 1, soon);
  expect(await relay.status()).toMatchObject([{ dead: 0 }]);
});

test("what is parked stays parked when another relay takes over", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  let isRefusing = true;
  broker.answer = ({ key }) => (isRefusing && key === "a" ? "refused" : undefined);
  await tell(outbox.database, told("a"), told("b"));
  {
    await using relay = await startRelay(outbox.database, { to: [broker], ...quickly });
    await vi.waitUntil(async () => (await relay.status())[0]?.parked === 1, soon);
  }
  await tell(outbox.database, told("a"), told("b"));
  await using relay = await startRelay(outbox.database, { to: [broker], ...quickly });
  await vi.waitUntil(async () => (await relay.status())[0]?.parked === 2, soon);
  expect(sequencesOf(broker.received)).toEqual({ b: [1, 2] });
  isRefusing = false;
  await vi.waitUntil(() => broker.received.length === 4, soon);
  expect(sequencesOf(broker.received)).toEqual({ a: [1, 2], b: [1, 2] });
});

test("a part of a broker that does not answer stops its own keys, until it does", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  let isDown = true;
  broker.answer = ({ key }) => (isDown && key === "a" ? "unknown" : undefined);
  await tell(outbox.database, ...["a", "b", "a", "b"].map((key) => told(key)));
  await using relay = await startRelay(outbox.database, { to: [broker], batchSize: 2, tries: 2, ...quickly });
  await vi.waitUntil(() => broker.received.length === 2, soon);
  expect(sequencesOf(broker.received)).toEqual({ b: [1, 2] });
  isDown = false;
  await vi.waitUntil(() => broker.received.length === 4, soon);
  expect(sequencesOf(broker.received)).toEqual({ a: [1, 2], b: [1, 2] });
  expect(await relay.status()).toMatchObject([{ dead: 0 }]);
});

test("a destination that refuses does not concern the other", async () => {
  await using outbox = await openOutbox();
  const [refusing, taking] = [createBroker("refusing"), createBroker("taking")];
  refusing.answer = () => "refused";
  await using relay = await startRelay(outbox.database, { to: [refusing, taking], onError: () => {} });
  for (const _ of numbersTo(5)) await tell(outbox.database, told("a"));
  await vi.waitUntil(() => taking.received.length === 5, soon);
  await vi.waitUntil(async () => (await relay.status())[0]?.parked === 5, soon);
});

function readKeys(database: Database): Promise<object[]> {
  return query(database, "keys", "select * from outbox_parked_keys");
}
