import { type Database, query } from "@throughline/log";
import { expect, test, vi } from "vitest";
import { startRelay } from "./index.ts";
import { readMessagesAbout } from "./operation.ts";
import { createBroker, openOutbox, tell, told } from "./outbox-under-test.ts";

const soon = { timeout: 25_000, interval: 5 };

test("of each message about a key it is told by which roads it has left, and by which it waits", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  const [kafka, choosy] = [createBroker("kafka"), createBroker("choosy")];
  choosy.answer = ({ sequence }) => (sequence === 2 ? "refused" : undefined);
  await tell(database, told("b"), told("a"), told("a"), told("a", {}, "order.cancelled"));
  const to = [kafka, { ...choosy, types: ["order.created"] }];
  await relayUntil(database, to, ({ waiting, destination, parked }) => {
    return waiting === 0 && parked === (destination === "choosy" ? 1 : 0);
  });
  await tell(database, told("a"));

  const left = { destination: "kafka", state: "left" };
  expect(await roadsOf(database, "a")).toEqual([
    ["order.created", [{ destination: "choosy", state: "left" }, left]],
    ["order.created", [{ destination: "choosy", state: "parked" }, left]],
    ["order.cancelled", [left]],
    [
      "order.created",
      [
        { destination: "choosy", state: "waits" },
        { ...left, state: "waits" },
      ],
    ],
  ]);
  await database.execute(`with gone as (delete from outbox_parked returning *)
    insert into outbox_dead select *, 20, 'no' from gone`);
  expect((await roadsOf(database, "a"))[1]).toEqual([
    "order.created",
    [{ destination: "choosy", state: "dead" }, left],
  ]);
  expect(await readMessagesAbout(database, "c")).toEqual({ messages: [], others: 0 });
});

test("what was written long after the first message about a key, or is not kept, is only counted", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await tell(database, told("a"));
  await query(
    database,
    "fill",
    `insert into outbox (id, key, type, version, "timestamp", source, sequence, correlation_id, wire)
     select n::text, 'b', 'order.created', '1', '', '', n, '', '' from generate_series(1, 50000) n`,
  );
  await tell(database, told("a"), told("c"));
  expect(await readMessagesAbout(database, "a")).toMatchObject({ messages: [{ type: "order.created" }], others: 1 });
  await database.execute("delete from outbox where key <> 'b'");
  expect(await readMessagesAbout(database, "c")).toEqual({ messages: [], others: 1 });
});

async function roadsOf(database: Database, key: string) {
  const { messages } = await readMessagesAbout(database, key);
  return messages.map(({ type, roads }) => [type, roads]);
}

type Options = Parameters<typeof startRelay>[1];
type Status = Awaited<ReturnType<Awaited<ReturnType<typeof startRelay>>["status"]>>[number];

async function relayUntil(database: Database, to: Options["to"], isDone: (status: Status) => boolean): Promise<void> {
  await using relay = await startRelay(database, { to, onError: () => {} });
  await vi.waitUntil(async () => (await relay.status()).every(isDone), soon);
}
