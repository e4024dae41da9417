import { type Database, query } from "@throughline/log";
import { expect, test, vi } from "vitest";
import { startRelay } from "./index.ts";
import { createBroker, numbersTo, openOutbox, tell, told } from "./outbox-under-test.ts";
import { firstTimes } from "./process-under-test.ts";

const soon = { timeout: 20_000, interval: 5 };

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
