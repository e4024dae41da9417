import { type Envelope, serializeEnvelope } from "@throughline/envelope";
import { query } from "@throughline/log";
import { memoryTransport } from "@throughline/transport/memory";
import { expect, test, vi } from "vitest";
import { enqueue, startRelay } from "./index.ts";
import {
  createBroker,
  numbersTo,
  openOutbox,
  readWires,
  sequencesOf,
  tell,
  tellEarly,
  told,
} from "./outbox-under-test.ts";

const soon = { timeout: 25_000, interval: 5 };

test("a message leaves if, and only if, its transaction commits", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  const transport = memoryTransport();
  await using subscriber = await transport.connectSubscriber();
  const handled: Envelope[] = [];
  const handler = async (envelope: Envelope) => void handled.push(envelope);
  await subscriber.subscribe({ group: "billing", types: ["order.created"], handler });
  await using _ = await startRelay(database, { to: [{ transport }] });

  const undone = database.transaction(async (tx) => {
    await tellEarly(tx, told("o-1", "undone"));
    await enqueue(tx, "order-service", [told("o-1", "undone")]);
    throw new Error("undone");
  });
  await expect(undone).rejects.toThrow("undone");
  const broken = database.transaction(async (tx) => {
    await tellEarly(tx, told("o-1", "broken"));
    await query(tx, "die", "select pg_terminate_backend(pg_backend_pid())");
  });
  await expect(broken).rejects.toThrow();
  await database.transaction(async (tx) => {
    await enqueue(tx, "order-service", [{ type: "order.created", version: "1", key: "o-1", data: "done" }]);
  });

  await vi.waitUntil(() => handled.length > 0, soon);
  expect(handled.map(({ data, sequence }) => [data, sequence])).toEqual([["done", 1]]);
});

test("nothing leaves before the commit", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  await using relay = await startRelay(outbox.database, { to: [broker] });
  await outbox.database.transaction(async (tx) => {
    await tellEarly(tx, told("o-1"));
    await tell(outbox.database, told("o-2"));
    await vi.waitUntil(async () => (await relay.status())[0]?.heldBackBy?.state === "idle in transaction", soon);
    expect(broker.received).toEqual([]);
  });
  await vi.waitUntil(() => broker.received.length === 2, soon);
});

test("what an open transaction tells at its end holds back nobody until then", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  await using _ = await startRelay(outbox.database, { to: [broker] });
  await outbox.database.transaction(async (tx) => {
    await enqueue(tx, "order-service", [told("o-1", "first"), told("o-2", "second")]);
    await tell(outbox.database, told("o-1", "other"));
    await vi.waitUntil(() => broker.received.length === 1, soon);
  });
  await vi.waitUntil(() => broker.received.length === 3, soon);
  expect(broker.received.map(({ key, sequence, data }) => [key, sequence, data])).toEqual([
    ["o-1", 1, "other"],
    ["o-1", 2, "first"],
    ["o-2", 1, "second"],
  ]);
});

test("a broker gets the bytes of the row", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  await tell(outbox.database, told("o-1", { text: 'ü "quoted" \n', nested: [{ a: 1.5 }] }), told("o-2", null));
  await using _ = await startRelay(outbox.database, { to: [broker] });
  await vi.waitUntil(() => broker.received.length === 2, soon);
  expect(broker.wires).toEqual(await readWires(outbox.database));
  const [first] = broker.received;
  if (first === undefined) throw new Error("Nothing was received");
  expect({ ...first }).toEqual(JSON.parse(serializeEnvelope(first)));
});

test("a backlog drains in order, in lanes side by side", async () => {
  await using outbox = await openOutbox();
  const keys = ["a", "b", "c", "d", "e"];
  for (const _ of numbersTo(60)) await tell(outbox.database, ...keys.map((key) => told(key)));
  const broker = createBroker();
  await using relay = await startRelay(outbox.database, { to: [broker], lanes: 3, batchSize: 20 });
  await vi.waitUntil(() => broker.received.length >= 300, soon);
  expect(sequencesOf(broker.received)).toEqual(Object.fromEntries(keys.map((key) => [key, numbersTo(60)])));
  await vi.waitUntil(async () => (await relay.status())[0]?.waiting === 0, soon);
});

test("a second destination gets everything, at its own pace", async () => {
  await using outbox = await openOutbox();
  const fast = createBroker("fast");
  const slow = createBroker("slow");
  const opened = Promise.withResolvers<void>();
  slow.before = () => opened.promise;
  for (const _ of numbersTo(30)) await tell(outbox.database, told("a"));
  await using relay = await startRelay(outbox.database, { to: [fast, slow], batchSize: 10 });
  await vi.waitUntil(() => fast.received.length === 30, soon);
  expect(slow.received).toEqual([]);
  expect(await relay.status()).toMatchObject([{ destination: "fast" }, { destination: "slow", waiting: 30 }]);
  opened.resolve();
  await vi.waitUntil(() => slow.received.length === 30, soon);
});

test("a destination of some types gets those alone", async () => {
  await using outbox = await openOutbox();
  const work = createBroker("work");
  await using relay = await startRelay(outbox.database, { to: [{ ...work, types: ["payment.requested"] }] });
  await tell(outbox.database, told("a"), told("a", {}, "payment.requested"), told("a"));
  await vi.waitUntil(() => work.received.length > 0, soon);
  expect(work.received.map(({ type }) => type)).toEqual(["payment.requested"]);
  await vi.waitUntil(async () => (await relay.status())[0]?.waiting === 0, soon);
  expect(await relay.status()).toMatchObject([{ publishedTotal: 1 }]);
});

test("what another process commits is seen without a hint", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  await using _ = await startRelay(outbox.database, { to: [broker], idleMs: 20 });
  await tell(outbox.database, told("a"));
  await vi.waitUntil(() => broker.received.length === 1, soon);
  await query(
    outbox.database,
    "write_elsewhere",
    `insert into outbox (key, type, id, version, "timestamp", source, sequence, correlation_id, wire)
     select key, type, id, version, "timestamp", source, 2, correlation_id, wire from outbox`,
  );
  await vi.waitUntil(() => broker.received.length === 2, soon);
});

test("a relay that is closed hands over at once, and its successor goes on where it was", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  const first = await startRelay(outbox.database, { to: [broker] });
  await tell(outbox.database, told("a"));
  await vi.waitUntil(() => broker.received.length === 1, soon);
  await first[Symbol.asyncDispose]();
  await tell(outbox.database, told("a"));
  await using _ = await startRelay(outbox.database, { to: [broker] });
  await vi.waitUntil(() => broker.received.length === 2, soon);
  expect(sequencesOf(broker.received)).toEqual({ a: [1, 2] });
});

test("closing a relay waits for the batch in flight", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  const begun = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  broker.before = () => {
    begun.resolve();
    return opened.promise;
  };
  const relay = await startRelay(outbox.database, { to: [broker] });
  await tell(outbox.database, told("a"));
  await begun.promise;
  const closed = relay[Symbol.asyncDispose]();
  opened.resolve();
  await closed;
  expect(broker.received).toHaveLength(1);
  expect(await query(outbox.database, "cursor", "select position, owner from log_cursors")).toEqual([
    { position: "1", owner: null },
  ]);
});

test("two destinations of one name are refused", async () => {
  await using outbox = await openOutbox();
  const starting = startRelay(outbox.database, { to: [createBroker(), createBroker()] });
  await expect(starting).rejects.toThrow("Two destinations are called test");
});

test("an outbox whose sequence was restored without its table is refused", async () => {
  await using outbox = await openOutbox();
  await tell(outbox.database, told("a"), told("a"));
  await outbox.database.execute("select setval('outbox_position_seq', 1)");
  await expect(startRelay(outbox.database, { to: [createBroker()] })).rejects.toThrow(
    "stands at 1 and log outbox at 2",
  );
});
